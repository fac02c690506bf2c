"""A `TwoStageProgram` in one NetCDF file: what another engine or machine receives."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.labels import Labels
from ambigrid.program import AffineMap, Columns, Rows, TwoStageProgram

_FORMAT = "ambigrid two-stage program 1"
_NO_BUDGET = -1


def write_program(program: TwoStageProgram, path: Path) -> None:
    """Write every field of the program to a group of the file."""
    budget = _NO_BUDGET if program.budget is None else program.budget
    tree = xr.DataTree(xr.Dataset(attrs={"format": _FORMAT, "budget": budget}))
    for entry in fields(program):
        value = getattr(program, entry.name)
        if isinstance(value, Columns):
            tree[entry.name] = xr.DataTree(_columns_dataset(value))
            tree[f"{entry.name}/labels"] = xr.DataTree(value.labels.to_dataset())
        elif isinstance(value, Rows):
            tree[entry.name] = xr.DataTree(
                xr.Dataset({"sense": ("row", value.sense.astype(str)), "rhs": ("row", value.rhs)})
            )
            tree[f"{entry.name}/labels"] = xr.DataTree(value.labels.to_dataset())
        elif isinstance(value, Labels):
            tree[f"{entry.name}/labels"] = xr.DataTree(value.to_dataset())
        elif isinstance(value, AffineMap):
            dataset = _sparse_dataset(value.matrix)
            tree[entry.name] = xr.DataTree(dataset.assign(constant=("row", value.constant)))
        elif isinstance(value, sp.csr_array):
            tree[entry.name] = xr.DataTree(_sparse_dataset(value))
    tree.to_netcdf(path, engine="h5netcdf")


def read_program(cls: type[TwoStageProgram], path: Path) -> TwoStageProgram:
    """Read what `write_program` wrote."""
    try:
        tree = xr.load_datatree(path, engine="h5netcdf")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "the file cannot be read as NetCDF", where=str(path), got=error, fix="write it again"
        ) from error
    if tree.attrs.get("format") != _FORMAT:
        raise InputError(
            "the file holds no two-stage program",
            where=str(path),
            got=tree.attrs.get("format"),
            fix="write it with TwoStageProgram.to_netcdf",
        )
    try:
        return cls(**_read_fields(tree))
    except KeyError as error:
        raise InputError(
            "the file is incomplete", where=str(path), got=f"no {error}", fix="write it again"
        ) from error


def _read_fields(tree: xr.DataTree) -> dict[str, Any]:
    budget = int(tree.attrs["budget"])
    values: dict[str, Any] = {"budget": None if budget == _NO_BUDGET else budget}
    for name in ("first_stage", "recourse"):
        values[name] = _read_columns(tree[name])
    for name in ("first_rows", "second_rows"):
        group = tree[name]
        values[name] = Rows(
            _read_labels(group), group["sense"].to_numpy().astype("U1"), group["rhs"].to_numpy()
        )
    for name in ("uncertain", "adversarial"):
        values[name] = _read_labels(tree[name])
    for name in ("A", "T", "W", "D", "H", "quadratic"):
        values[name] = _read_sparse(tree[name])
    for name in ("call_lower", "call_upper"):
        values[name] = AffineMap(_read_sparse(tree[name]), tree[name]["constant"].to_numpy())
    return values


def _columns_dataset(columns: Columns) -> xr.Dataset:
    return xr.Dataset(
        {
            "cost": ("column", columns.cost),
            "lower": ("column", columns.lower),
            "upper": ("column", columns.upper),
            "integer": ("column", columns.integer.astype(np.int8)),
        }
    )


def _sparse_dataset(matrix: sp.csr_array) -> xr.Dataset:
    return xr.Dataset(
        {
            "indptr": ("pointer", matrix.indptr.astype(np.int64)),
            "indices": ("entry", matrix.indices.astype(np.int64)),
            "data": ("entry", matrix.data.astype(float)),
        },
        attrs={"shape": list(matrix.shape)},
    )


def _read_columns(group: Any) -> Columns:
    return Columns(
        _read_labels(group),
        group["cost"].to_numpy(),
        group["lower"].to_numpy(),
        group["upper"].to_numpy(),
        group["integer"].to_numpy().astype(bool),
    )


def _read_labels(group: Any) -> Labels:
    return Labels.from_dataset(group["labels"].to_dataset())


def _read_sparse(group: Any) -> sp.csr_array:
    parts = (group["data"].to_numpy(), group["indices"].to_numpy(), group["indptr"].to_numpy())
    return sp.csr_array(parts, shape=tuple(int(n) for n in group.attrs["shape"]))
