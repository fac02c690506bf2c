"""A case as one NetCDF file with a group per agent, and its hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import h5netcdf
import numpy as np
import xarray as xr

from ambigrid.errors import InputError

_Content = TypeVar("_Content")


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
    tree = _opened(path, _tree)
    _check_is_case(tree.attrs, path)
    return tree


def read_outline(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what everybody may know of a case file: no variable of any group.

    Parameters
    ----------
    path : Path
        NetCDF file.

    Returns
    -------
    tuple of dict
        Attributes of the root, and the kind of every group.

    Raises
    ------
    InputError
        As `read_case`.
    """
    attrs, kinds = _opened(path, _outline)
    _check_is_case(attrs, path)
    return attrs, kinds


def read_group(path: Path, name: str) -> xr.Dataset:
    """Read one group of a case file into memory, and no other.

    Parameters
    ----------
    path : Path
        NetCDF file.
    name : str
        Name of the group.

    Raises
    ------
    InputError
        As `read_case`; a file without the group cannot be read either.
    """

    def group(path: Path) -> xr.Dataset:
        with xr.open_dataset(path, engine="h5netcdf", group=name) as stored:
            return stored.load()

    return _opened(path, group)


def _opened(path: Path, read: Callable[[Path], _Content]) -> _Content:
    if not path.is_file():
        raise InputError(
            "there is no such case file",
            where=str(path),
            fix="give the path of a case file or folder, or a name printed by `ambigrid cases`",
        )
    try:
        return read(path)
    except Exception as error:
        raise InputError(
            "the file cannot be read as NetCDF; it may be truncated or of another kind",
            where=str(path),
            got=f"{path.stat().st_size} bytes and the message {str(error)[:120]!r}",
            fix="write it again with `ambigrid.save_case`, or copy it anew",
        ) from error


def _tree(path: Path) -> xr.DataTree:
    with xr.open_datatree(path, engine="h5netcdf") as stored:
        return stored.load()


def _outline(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with h5netcdf.File(path, "r") as stored:
        kinds = {str(name): group.attrs.get("kind") for name, group in stored.groups.items()}
        return dict(stored.attrs), kinds


def _check_is_case(attrs: Mapping[Any, Any], path: Path) -> None:
    if "schema_version" not in attrs:
        raise InputError(
            "the file is NetCDF but not a case: the attribute schema_version is missing",
            where=str(path),
            fix="write cases with `ambigrid.save_case`",
        )


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
    groups = {str(name): child.to_dataset() for name, child in tree.children.items()}
    return joined_hash({name: group_hash(data, tree.attrs) for name, data in groups.items()})


def joined_hash(groups: Mapping[str, str]) -> str:
    """Hash of a case whose groups have these hashes, as `case_hash` gives it."""
    told = "\n".join(f"{name} {groups[name]}" for name in sorted(groups))
    return hashlib.sha256(told.encode()).hexdigest()


def group_hash(data: xr.Dataset, root: Mapping[Any, Any]) -> str:
    """SHA-256 of the labels and numbers of one operator's group, and of the root's numbers."""
    digest = hashlib.sha256()
    digest.update(repr([float(root[name]) for name in ("base_mva", "step_hours")]).encode())
    digest.update(f"{data.attrs.get('kind')} {data.attrs.get('root_bus')}".encode())
    for variable in sorted(map(str, data.variables)):
        array = data[variable]
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
