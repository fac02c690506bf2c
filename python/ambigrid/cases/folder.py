"""A case as a folder that a person can edit: one ``case.toml`` and, per group, CSV tables.

The dims of a variable decide where it stands:

==========================  =====================================================================
dims                        place
==========================  =====================================================================
none                        a number in the group's table of ``case.toml``
one label                   a column of ``buses``, ``lines``, ``generators``, ``units``, …``.csv``
(generator, segment)        a column of ``segments.csv``
(label, time)               a file of the variable's name; a row per step, a column per label
(scenario or day, …)        the same with the scenario or day as the first column
==========================  =====================================================================

Lines that begin with ``#`` are comments. Where a feeder has ``sessions.csv`` and no
``ev_power_min.csv``, the envelopes and the baseline of its stations are made from the sessions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.cases.envelopes import planned_stations
from ambigrid.cases.schema import KINDS, LABEL_COORDINATES, SCHEMA_VERSION, SESSION, Variable, group
from ambigrid.errors import InputError

#: File of the variables that have one dimension only.
TABLES = {
    "bus": "buses",
    "line": "lines",
    "generator": "generators",
    "unit": "units",
    "station": "stations",
    "distribution": "boundaries",
    "scenario": "scenarios",
    "session": "sessions",
    "time": "steps",
}
SEGMENTS = "segments"
SETTINGS = "case.toml"
GROUP_ATTRIBUTES = ("kind", "root_bus", "base_kv")
_COUNTED = ("scenario", "segment", "session")
_DERIVED = ("ev_power_min", "ev_power_max", "ev_energy_min", "ev_energy_max", "ev_baseline")


def file_of(name: str, declared: Variable) -> str:
    """Stem of the CSV file in which a variable stands; empty for ``case.toml``."""
    if not declared.dims:
        return ""
    if declared.dims == ("generator", "segment"):
        return SEGMENTS
    return TABLES[declared.dims[0]] if len(declared.dims) == 1 else name


def read_folder(path: Path) -> xr.DataTree:
    """Read a case from a folder; it is not validated here.

    Parameters
    ----------
    path : Path
        Folder with ``case.toml`` and a folder of CSV files per group.

    Returns
    -------
    DataTree

    Raises
    ------
    InputError
        Naming the file, and the row and column where there is one.
    """
    settings = _settings(path / SETTINGS)
    attrs = {"seed": 0, "notice": "", "schema_version": SCHEMA_VERSION, **settings.pop("case")}
    groups = {}
    for name, values in settings.items():
        if not isinstance(values, dict):
            raise InputError(
                "this setting belongs into a table", where=f"{path / SETTINGS}, {name}"
            )
        groups[f"/{name}"] = _Reader(path, name, values).dataset()
    tree = xr.DataTree.from_dict(groups)
    tree.attrs.update(attrs)
    return tree


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            "the folder is not a case: this file is missing",
            where=str(path),
            fix="make a folder to edit with `ambigrid template`",
        )
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("the file is not TOML", where=str(path), got=str(error)) from error
    if not isinstance(settings.get("case"), dict):
        raise InputError("the table [case] is missing", where=str(path), fix="add it")
    return settings


class _Reader:
    """Reads the tables of one group and brings their labels together."""

    def __init__(self, path: Path, name: str, settings: dict[str, Any]) -> None:
        self.folder, self.settings = path / name, settings
        where = f"{path / SETTINGS}, [{name}]"
        if settings.get("kind") not in KINDS:
            raise InputError(
                "the kind is not known",
                where=where,
                got=settings.get("kind"),
                fix=f"give one of {', '.join(KINDS)}",
            )
        self.declared = KINDS[settings["kind"]]
        self.values: dict[str, Any] = {}
        self.coords: dict[str, pd.Index] = {}
        for key, value in settings.items():
            if key not in GROUP_ATTRIBUTES:
                self._check_name(key, "", where)
                self.values[key] = value

    def dataset(self) -> xr.Dataset:
        """Make the group."""
        for file in sorted(self.folder.glob("*.csv")):
            self._read(file)
        if "session_station" in self.values and "ev_power_min" not in self.values:
            self.values |= self._stations()
        attrs = {key: self.settings[key] for key in GROUP_ATTRIBUTES[1:] if key in self.settings}
        coords = {dim: _coordinate(labels) for dim, labels in self.coords.items()}
        return group(self.settings["kind"], self.values, coords, **attrs)

    def _read(self, file: Path) -> None:
        dims = self._index_dims(file)
        try:
            table = pd.read_csv(
                file, dtype=str, comment="#", keep_default_na=False, skipinitialspace=True
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise InputError("the table cannot be read", where=str(file), got=str(error)) from error
        missing = [dim for dim in dims if dim not in table.columns]
        if missing:
            raise InputError(
                f"the column {missing[0]} is missing",
                where=str(file),
                got=", ".join(table.columns),
                fix="let the first columns hold the labels of the rows",
            )
        for dim in dims:
            table[dim] = _labels(table[dim], dim, file)
        if file.stem in self.declared:
            self._put_matrix(file, table.set_index(list(dims)))
        else:
            self._put_columns(file, table.set_index(list(dims)))

    def _index_dims(self, file: Path) -> tuple[str, ...]:
        if file.stem == SEGMENTS:
            return ("generator", "segment")
        for dim, stem in TABLES.items():
            if file.stem == stem:
                return (dim,)
        declared = self.declared.get(file.stem)
        if declared is None or len(declared.dims) < 2:
            raise InputError(
                "no table has this name",
                where=str(file),
                fix=f"use {', '.join(TABLES.values())} or the name of a variable with two dims",
            )
        return tuple(dim for dim in declared.dims if dim != declared.dims[-2])

    def _put_columns(self, file: Path, table: pd.DataFrame) -> None:
        """One variable per column; a row per label."""
        for name in table.columns:
            self._check_name(str(name), file.stem, str(file))
            declared = self.declared[str(name)]
            cells = _cells(table[name], declared.kind, file)
            if declared.dims == ("generator", "segment"):
                frame = cells.unstack("segment")
                self._put(str(name), declared.dims, (frame.index, frame.columns), frame, file)
            else:
                self._put(str(name), declared.dims, (table.index,), cells, file)

    def _put_matrix(self, file: Path, table: pd.DataFrame) -> None:
        """One variable; a row per step (and scenario), a column per label."""
        declared = self.declared[file.stem]
        table = table.apply(lambda column: _cells(column, "number", file))
        labels = pd.Index(table.columns.astype(str))
        if len(declared.dims) == 2:
            self._put(file.stem, declared.dims, (labels, table.index), table.T, file)
            return
        outer, time = (table.index.unique(level) for level in (0, 1))
        if len(table) != len(outer) * len(time):
            raise InputError(
                f"every {declared.dims[0]} needs a row for every step",
                where=str(file),
                got=f"{len(table)} rows for {len(outer)} x {len(time)}",
            )
        values = table.to_numpy().reshape(len(outer), len(time), len(labels)).transpose(0, 2, 1)
        self._put(file.stem, declared.dims, (outer, labels, time), values, file)

    def _put(
        self, name: str, dims: tuple[str, ...], labels: Iterable[pd.Index], cells: Any, file: Path
    ) -> None:
        """Keep values in the order of the labels that were read first; numbers and times rise."""
        values = np.asarray(cells)
        for axis, (dim, found) in enumerate(zip(dims, labels, strict=True)):
            known = self.coords.setdefault(
                dim, found if dim in LABEL_COORDINATES else found.sort_values()
            )
            position = found.get_indexer(known) if found.is_unique else np.array([-1])
            if len(found) != len(known) or (position < 0).any():
                raise InputError(
                    f"the labels of {dim} differ from those of another table, or repeat",
                    where=str(file),
                    got=", ".join(map(str, found[:8])),
                    fix=f"use {', '.join(map(str, known[:8]))}{' …' if len(known) > 8 else ''}",
                )
            values = np.take(values, position, axis=axis)
        self.values[name] = values

    def _stations(self) -> dict[str, Any]:
        """Envelopes and baseline from the sessions."""
        for key in ("tariff", "station_bus"):
            if key not in self.values:
                raise InputError(
                    "the variable is missing; stations are made from the sessions with it",
                    where=f"{self.folder}/{file_of(key, self.declared[key])}.csv, {key}",
                )
        time = pd.DatetimeIndex(self.coords["time"])
        sessions = xr.Dataset(
            {key: ("session", self.values[key]) for key in SESSION if key in self.values}
        )
        stations = [str(label) for label in self.coords["station"]]
        tariff = xr.DataArray(self.values["tariff"], dims="time")
        made = planned_stations(sessions, time, stations, tariff)
        return {key: made[key].to_numpy() for key in _DERIVED}

    def _check_name(self, name: str, stem: str, where: str) -> None:
        declared = self.declared.get(name)
        if declared is None or file_of(name, declared) != stem:
            known = [key for key, v in self.declared.items() if file_of(key, v) == stem]
            raise InputError(
                "no variable of this name stands here",
                where=f"{where}, {name}",
                fix=f"use one of {', '.join(known)}",
            )


def _labels(column: pd.Series, dim: str, file: Path) -> pd.Series:
    try:
        if dim in ("time", "day"):
            return pd.to_datetime(column, format="ISO8601").astype("datetime64[ns]")
        return column.astype(int) if dim in _COUNTED else column.str.strip()
    except ValueError as error:
        raise InputError(
            f"the column {dim} cannot be read", where=str(file), got=str(error)
        ) from error


def _cells(column: pd.Series, kind: str, file: Path) -> pd.Series:
    if kind == "label":
        return column.str.strip()
    if kind == "instant":
        return _labels(column, "time", file)
    cells = pd.to_numeric(column, errors="coerce")
    wrong = np.flatnonzero(cells.isna().to_numpy())
    if wrong.size:
        raise InputError(
            "the cell holds no number",
            where=f"{file}, column {column.name}, row {column.index[wrong[0]]}",
            got=repr(column.iloc[wrong[0]]),
        )
    return cells.astype(float)


def _coordinate(labels: pd.Index) -> np.ndarray:
    values = labels.to_numpy()
    return values.astype(object) if values.dtype.kind in "OUT" else values
