"""One operator's part of a result: labelled groups, and a file of its own where it lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from ambigrid.cases.netcdf import joined_hash
from ambigrid.errors import InputError
from ambigrid.files import read_tree, write_tree

if TYPE_CHECKING:
    from ambigrid.coordination.local import Findings
    from ambigrid.studies.ev_interpretation import AgentSolution
    from ambigrid.study import Study


def own_groups(item: Findings, study: Study) -> dict[str, xr.Dataset]:
    """Return an operator's groups of a result, all but what they mean, with units."""
    return {
        "dispatch": _with_units(item.dispatch, study),
        "duals": _with_units(item.duals, study, per="$/"),
        "worst_case": _with_units(item.worst_case, study),
        "recourse": _with_units(_by_scenario(item.recourse), study),
    }


def solution_of(groups: Mapping[str, xr.Dataset]) -> AgentSolution:
    """Return what a study's summaries need of an operator's groups."""
    from ambigrid.studies.ev_interpretation import AgentSolution

    weight = groups["worst_case"]["weight"].rename(support="scenario")
    return AgentSolution(groups["dispatch"], groups["duals"], groups["recourse"], weight)


def save_part(
    path: Path, run: str, study: Study, name: str, groups: Mapping[str, xr.Dataset], exactness: str
) -> Path:
    """Save an operator's part of the result of a run; the hash of its data goes with it."""
    nodes = {f"/{group}/{name}": data for group, data in groups.items()}
    attrs = {
        "part": name,
        "run": run,
        "data_hash": study.source.group_hash(name),
        "exactness": exactness,
    }
    return write_tree(xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **nodes}), path)


def join_parts(tree: xr.DataTree, paths: Sequence[str | Path], names: Sequence[str]) -> None:
    """Put operators' parts into the tree of the run's result.

    Parameters
    ----------
    tree : xarray.DataTree
        The result; it is changed.
    paths : sequence of path
        Files that operators saved.
    names : sequence of str
        All operators; with the last of them the hash of the whole case is known.

    Raises
    ------
    InputError
        If a file cannot be read, or is no part of this result.
    """
    hashes: dict[str, str] = {}
    for path in paths:
        part = read_tree(path, content="part of a result")
        if part.attrs.get("part") not in names or part.attrs.get("run") != tree.attrs.get("run"):
            raise InputError(
                "this file is no part of the result",
                where=str(path),
                got=f"run {part.attrs.get('run')} beside {tree.attrs.get('run')}",
                fix="give the files that operators saved in the same run",
            )
        name = str(part.attrs["part"])
        hashes[name] = str(part.attrs["data_hash"])
        tree.attrs["exactness"] = weakest(
            [tree.attrs.get("exactness", ""), part.attrs["exactness"]]
        )
        for group in part.children:
            tree[f"{group}/{name}"] = part[f"{group}/{name}"]
    if set(hashes) == set(names):
        tree.attrs["data_hash"] = joined_hash(hashes)


def weakest(kinds: Sequence[str]) -> str:
    """How all reformulations together relate to the ambiguity sets."""
    return next((kind for kind in ("upper", "lower") if kind in kinds), "exact")


def _by_scenario(recourse: xr.Dataset) -> xr.Dataset:
    return recourse.rename(support="scenario") if "support" in recourse.dims else recourse


def _with_units(data: xr.Dataset, study: Study, per: str = "") -> xr.Dataset:
    """Write the units beside the numbers, which programs do not know."""
    bare = [name for name in data.data_vars if "units" not in data[name].attrs]
    return data.assign(
        {name: data[name].assign_attrs(units=per + study.unit(str(name))) for name in bare}
    )
