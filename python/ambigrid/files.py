"""Reading and writing trees as NetCDF files, never leaving half a file behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it there once the block has succeeded.

    A reader sees the old file or the new one, never a part; folders are made as needed.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise InputError(
            "this file cannot be written",
            where=str(target),
            got=error.strerror,
            fix="give a path in a folder you may write to",
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_tree(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a tree to one NetCDF file by way of a temporary one.

    Nested attributes (mappings, lists) are written as JSON text, true and false as 1 and 0, and
    attributes that are None are left out, so that any NetCDF reader opens the file.

    Parameters
    ----------
    tree : xarray.DataTree
        What to write; it is not changed.
    path : str or Path
        The file; an older one is replaced.

    Returns
    -------
    Path
        The path written.
    """
    plain = tree.map_over_datasets(_with_plain_attrs)
    with replacing(path) as temporary:
        plain.to_netcdf(temporary, engine="h5netcdf")
    return Path(path)


def read_tree(path: str | Path, *, content: str) -> xr.DataTree:
    """Read a whole NetCDF file into memory and close it.

    Parameters
    ----------
    path : str or Path
        The file.
    content : str
        What the file should hold, for the error's sentence: "case", "result".

    Raises
    ------
    InputError
        If the file is missing, truncated, or no NetCDF-4 file.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(
            f"there is no {content} file here", where=str(source), fix="check the path"
        )
    try:
        with xr.open_datatree(source, engine="h5netcdf") as tree:
            return tree.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(
            f"this file cannot be read as a {content} (NetCDF-4); it is truncated or of another "
            "kind",
            where=str(source),
            got=f"{source.stat().st_size} bytes",
            fix="write it again",
        ) from error


def plain_attribute(value: Any) -> Any:
    """Turn a value into a NetCDF attribute: text, number or array; nested ones become JSON."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float | np.number | np.ndarray):
        return str(value) if isinstance(value, str) else value
    return json.dumps(value, default=str)


def _with_plain_attrs(dataset: xr.Dataset) -> xr.Dataset:
    plain = dataset.copy()
    plain.attrs = _plain(dataset.attrs)
    for name in plain.variables:
        plain[name].attrs = _plain(plain[name].attrs)
    return plain


def _plain(attrs: dict[Any, Any]) -> dict[Any, Any]:
    return {name: plain_attribute(value) for name, value in attrs.items() if value is not None}


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
