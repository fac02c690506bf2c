"""Checks of a case at load: each failure is one sentence (what, where, got, next step)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.cases import consistency, feasibility
from ambigrid.cases.checks import Place, offender
from ambigrid.cases.schema import KINDS, LABEL_COORDINATES, SCHEMA_VERSION, Variable
from ambigrid.errors import InputError

_ROOT_NUMBERS = ("base_mva", "step_hours")


def validate_case(tree: xr.DataTree, source: str = "case") -> None:
    """Check a case: schema, units, ranges, labels, topology, prices, and the forecast.

    Parameters
    ----------
    tree : DataTree
        The case.
    source : str
        Where it comes from, for the messages.

    Raises
    ------
    InputError
        Naming group, variable, label and value of the first thing that is wrong.
    """
    groups = {str(name): child.to_dataset() for name, child in tree.children.items()}
    validate_root(tree.attrs, {n: data.attrs.get("kind") for n, data in groups.items()}, source)
    for name, data in groups.items():
        _check_group(data, Place(source, name), tree.attrs)
    consistency.check_distributions(groups, source)
    for name, data in groups.items():
        if data.attrs["kind"] == "distribution":
            feasibility.check_feeder(data, float(tree.attrs["base_mva"]), Place(source, name))
    feasibility.check_schedule(groups, float(tree.attrs["step_hours"]), source)


def validate_root(attrs: Mapping[Any, Any], kinds: Mapping[str, Any], source: str) -> None:
    """Check what everybody knows of a case: the root's attributes and every group's kind.

    Parameters
    ----------
    attrs : mapping
        Attributes of the root.
    kinds : mapping of group name to kind
    source : str
        Where the case comes from.

    Raises
    ------
    InputError
    """
    _check_root(attrs, source)
    _check_kinds(kinds, source)


def validate_group(data: xr.Dataset, name: str, attrs: Mapping[Any, Any], source: str) -> None:
    """Check all of a group that needs no other operator's data.

    Parameters
    ----------
    data : Dataset
        The group.
    name : str
        Its name.
    attrs : mapping
        Attributes of the root.
    source : str
        Where the case comes from.

    Raises
    ------
    InputError
    """
    place = Place(source, name)
    _check_group(data, place, attrs)
    if data.attrs["kind"] == "distribution":
        feasibility.check_feeder(data, float(attrs["base_mva"]), place)


def _check_group(data: xr.Dataset, place: Place, attrs: Mapping[Any, Any]) -> None:
    _check_variables(data, place)
    _check_coordinates(data, place, float(attrs["step_hours"]))
    consistency.check_group(data, place)


def _check_root(attrs: Mapping[Any, Any], source: str) -> None:
    version = attrs.get("schema_version")
    if not isinstance(version, (int, np.integer)) or version != SCHEMA_VERSION:
        raise InputError(
            f"the attribute schema_version must be {SCHEMA_VERSION}",
            where=source,
            got=version,
            fix="write the case with this version of ambigrid",
        )
    for name in _ROOT_NUMBERS:
        value = attrs.get(name)
        if not isinstance(value, (int, float, np.number)) or not 0 < value < np.inf:
            raise InputError(
                f"the attribute {name} must be a positive number",
                where=source,
                got=value,
                fix=f"set the case's attribute {name}",
            )


def _check_kinds(kinds: Mapping[str, Any], source: str) -> None:
    for name, kind in kinds.items():
        if not isinstance(kind, str) or kind not in KINDS:
            raise InputError(
                "the group's attribute kind is not known",
                where=f"{source}: {name}",
                got=kind,
                fix=f"give one of {', '.join(KINDS)}",
            )
    if list(kinds.values()).count("transmission") != 1:
        raise InputError(
            "a case has exactly one group of kind transmission",
            where=source,
            got=", ".join(kinds) or "no group",
            fix="give every other group the kind distribution",
        )


def _check_variables(data: xr.Dataset, place: Place) -> None:
    declared = KINDS[data.attrs["kind"]]
    for name, variable in declared.items():
        if name not in data.variables:
            if variable.required:
                raise InputError(
                    "the variable is missing",
                    where=place(name),
                    fix=f"add it with dims {_tuple(variable.dims)}, {_content(variable)}",
                )
            continue
        _check_variable(data[name], variable, place)
    for name in map(str, data.data_vars):
        if name not in declared:
            raise InputError(
                "there is no such variable",
                where=place(name),
                fix=f"remove it, or use one of {', '.join(declared)}",
            )


def _check_variable(array: xr.DataArray, declared: Variable, place: Place) -> None:
    name = str(array.name)
    if array.dims != declared.dims:
        raise InputError(
            "the dims are wrong",
            where=place(name),
            got=_tuple(array.dims),
            fix=f"bring it to {_tuple(declared.dims)}",
        )
    kinds = {"number": "fiu", "label": "OUT", "instant": "M"}[declared.kind]
    if array.dtype.kind not in kinds:
        raise InputError(
            f"the values must be {declared.kind}s",
            where=place(name),
            got=f"dtype {array.dtype}",
            fix=f"give {_content(declared)}",
        )
    if declared.kind == "instant":
        _check_instants(array, place)
    if declared.kind != "number":
        return
    units = array.attrs.get("units")
    if units != declared.units:
        raise InputError(
            "the units are wrong",
            where=place(name),
            got=repr(units),
            fix=f"convert the values and set the attribute units to {declared.units!r}",
        )
    _check_values(array, declared, place)


def _check_instants(array: xr.DataArray, place: Place) -> None:
    missing = np.flatnonzero(array.isnull().to_numpy())
    if missing.size:
        raise InputError(
            "the instant is missing",
            where=place(str(array.name), **{str(array.dims[0]): int(missing[0])}),
            got="NaT",
            fix="give a date and time, or leave the session out",
        )


def _check_values(array: xr.DataArray, declared: Variable, place: Place) -> None:
    name, values = str(array.name), array.to_numpy()
    unit = "" if declared.units == "1" else f" in {declared.units}"
    offender(~np.isfinite(values), array, place, "the value is not a finite number").raise_if_any(
        "give a number, or take the label out of the case"
    )
    if np.isfinite(declared.minimum):
        offender(
            values < declared.minimum,
            array,
            place,
            f"the {declared.long_name} must not be negative"
            if declared.minimum == 0.0
            else f"the {declared.long_name} must be at least {declared.minimum:g}",
        ).raise_if_any(f"give {name}{unit}, at least {declared.minimum:g}")
    offender(
        values > declared.maximum,
        array,
        place,
        f"the {declared.long_name} must be at most {declared.maximum:g}",
    ).raise_if_any(f"give {name}{unit}, at most {declared.maximum:g}")


def _check_coordinates(data: xr.Dataset, place: Place, step_hours: float) -> None:
    for name in LABEL_COORDINATES:
        if name not in data.dims:
            continue
        if name not in data.coords:
            raise InputError("the labels are missing", where=place(name), fix="add the coordinate")
        labels = list(data[name].to_numpy())
        wrong = [label for label in labels if not isinstance(label, str)]
        twice = [label for label in labels if labels.count(label) > 1]
        if wrong or twice:
            raise InputError(
                "labels must be strings" if wrong else "a label stands twice",
                where=place(name),
                got=f"{(wrong or twice)[0]}",
                fix="give every label as text, once",
            )
    _check_time(data["time"], place, step_hours)


def _check_time(time: xr.DataArray, place: Place, step_hours: float) -> None:
    if time.dtype.kind != "M" or time.size < 2:
        raise InputError(
            "the time coordinate must hold at least two instants",
            where=place("time"),
            got=f"{time.size} values of dtype {time.dtype}",
            fix="give the start of every step as date and time",
        )
    steps = np.diff(time.to_numpy()) / np.timedelta64(1, "h")
    if not np.allclose(steps, step_hours, rtol=0.0, atol=1e-9):
        raise InputError(
            f"the steps must all be step_hours = {step_hours:g} h long",
            where=place("time"),
            got=f"{steps[np.argmax(abs(steps - step_hours))]:g} h",
            fix="bring the series to even steps, or correct the attribute step_hours",
        )


def _content(declared: Variable) -> str:
    """Say what a variable holds: numbers in a unit, labels, or instants."""
    words = {"label": "labels as text", "instant": "instants (date and time)"}
    return words.get(declared.kind, f"numbers with the units {declared.units!r}")


def _tuple(dims: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, dims))})"
