"""The worst-case law of a block at a point, with labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ambigrid.algorithms.block import Block
from ambigrid.labels import Labels, Vector
from ambigrid.reformulations import Search


def worst_case(block: Block, x: Vector) -> tuple[xr.Dataset, xr.Dataset]:
    """Put the worst law on the support known at x.

    Returns
    -------
    worst : xarray.Dataset
        Dim ``support``: the outcome (by uncertain variable), the worst call there (by adversarial
        variable) and its sign pattern ``<name>_pattern``, ``probability`` under the worst law,
        ``weight`` under the reference law, ``value`` V.
    recourse : xarray.Dataset
        Dim ``support``: recourse variables at the worst call of every support point, without what
        solvers' tolerances leave outside of their bounds.
    """
    program, risk = block.program, block.risk
    searches = block.searches if len(block.searches) == len(risk.support) else None
    found = [
        (searches[k] if searches else block.searches[0]).best(x, [Search(point)], thorough=True)
        for k, point in enumerate(risk.support)
    ]
    values = np.array([item.value for item in found])
    law = risk.worst_case(values)[1]
    weight = np.zeros(len(found))
    weight[: len(risk.reference)] = risk.reference
    kept = np.flatnonzero((law > 1e-9) | (weight > 0))
    chosen = [found[k] for k in kept]
    worst = stacked(program.uncertain, [item.vertex.outcome for item in chosen])
    calls = [program.call(x, item.vertex.pattern) for item in chosen]
    patterns = [item.vertex.pattern.astype(float) for item in chosen]
    pattern = stacked(program.adversarial, patterns)
    worst = worst.merge(stacked(program.adversarial, calls)).merge(
        pattern.rename({name: f"{name}_pattern" for name in pattern.data_vars})
    )
    for name in pattern.data_vars:
        worst[f"{name}_pattern"].attrs["units"] = "1"
    worst["probability"] = ("support", law[kept], {"units": "1"})
    worst["weight"] = ("support", weight[kept], {"units": "1"})
    worst["value"] = ("support", values[kept], {"units": "$"})
    columns = program.recourse
    decided = [np.clip(item.recourse.recourse, columns.lower, columns.upper) for item in chosen]
    return worst, stacked(columns.labels, decided)


def stacked(labels: Labels, vectors: Sequence[Vector]) -> xr.Dataset:
    """Unpack vectors and stack them along ``support``."""
    parts = [labels.unpack(vector) for vector in vectors]
    return xr.concat(parts, "support").assign_coords(support=np.arange(len(parts)))
