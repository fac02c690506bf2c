"""A case as one NetCDF file with a group per agent, and its hash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import xarray as xr

from ambigrid.errors import InputError


def read_case(path: Path) -> xr.DataTree:
    """Read a case file into memory; it is not validated here.

    Parameters
    ----------
    path : Path
        NetCDF file.

    Returns
    -------
    DataTree

    Raises
    ------
    InputError
        When the file is missing, truncated, not NetCDF, or not a case.
    """
    if not path.is_file():
        raise InputError(
            "there is no such case file",
            where=str(path),
            fix="give the path of a case file or folder, or a name printed by `ambigrid cases`",
        )
    try:
        with xr.open_datatree(path, engine="h5netcdf") as stored:
            tree = stored.load()
    except Exception as error:
        raise InputError(
            "the file cannot be read as NetCDF; it may be truncated or of another kind",
            where=str(path),
            got=f"{path.stat().st_size} bytes and the message {str(error)[:120]!r}",
            fix="write it again with `ambigrid.save_case`, or copy it anew",
        ) from error
    if "schema_version" not in tree.attrs:
        raise InputError(
            "the file is NetCDF but not a case: the attribute schema_version is missing",
            where=str(path),
            fix="write cases with `ambigrid.save_case`",
        )
    return tree


def write_case(tree: xr.DataTree, path: Path) -> None:
    """Write a case to one NetCDF file, whole or not at all.

    Parameters
    ----------
    tree : DataTree
        A case.
    path : Path
        File to write; an older one is replaced.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        tree.to_netcdf(partial, engine="h5netcdf", encoding=_encoding(tree))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def case_hash(tree: xr.DataTree) -> str:
    """SHA-256 of a case's labels and numbers, as 64 hexadecimal digits.

    Independent of the order of groups and variables, of attributes other than the base power and
    the step, and of being saved and loaded in between.
    """
    digest = hashlib.sha256()
    digest.update(repr([float(tree.attrs[name]) for name in ("base_mva", "step_hours")]).encode())
    for name in sorted(tree.children):
        dataset = tree[name].to_dataset()
        kind, root = dataset.attrs.get("kind"), dataset.attrs.get("root_bus")
        digest.update(f"\n{name} {kind} {root}".encode())
        for variable in sorted(map(str, dataset.variables)):
            array = dataset[variable]
            digest.update(f"\n{variable} {array.dims} {array.shape} ".encode())
            digest.update(_bytes(array.to_numpy()))
    return digest.hexdigest()


def _bytes(values: np.ndarray) -> bytes:
    if values.dtype.kind in "OUST":
        return "\0".join(map(str, values.ravel())).encode()
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]").astype("<i8").tobytes()
    return np.ascontiguousarray(values, dtype="<f8").tobytes()


def _encoding(tree: xr.DataTree) -> dict[str, dict[str, dict[str, object]]]:
    """Compression for arrays of numbers."""
    return {
        f"/{name}": {
            str(variable): {"zlib": True, "complevel": 4}
            for variable, array in child.data_vars.items()
            if array.dtype.kind == "f" and array.ndim > 1
        }
        for name, child in tree.children.items()
    }
