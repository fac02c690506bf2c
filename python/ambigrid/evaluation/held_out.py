"""Days to operate: outcomes of the renewables that no plan has seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.files import read_tree

HELD_OUT = "renewable_held_out"
DIMS = ("day", "unit", "time")

Days = int | Literal["all"]


def read_held_out(path: str | Path) -> xr.DataTree:
    """Read held-out days from a NetCDF file: a group per operator with `renewable_held_out`.

    Parameters
    ----------
    path : str or Path
        The file; the variable has dims (day, unit, time), in MW.

    Raises
    ------
    InputError
        If the file is missing, truncated, or no NetCDF-4 file.
    """
    return read_tree(path, content="sample")


def held_out_days(
    case: xr.DataTree, names: Sequence[str], samples: xr.DataTree | None, days: Days
) -> dict[str, xr.DataArray]:
    """Give every operator's outcomes on the same days.

    Parameters
    ----------
    case : xarray.DataTree
        The case; its own held-out days are used unless `samples` are given.
    names : sequence of str
        The operators.
    samples : xarray.DataTree or None
        A group per operator with `renewable_held_out`.
    days : int or "all"
        How many days, evenly spread over those there are.

    Returns
    -------
    dict of str to xarray.DataArray
        Dims (day, unit, time), MW.

    Raises
    ------
    InputError
        If an operator has none, its dims or labels are not those of the case, a value is not
        between zero and the capacity, or the operators' days differ.
    """
    source = case if samples is None else samples
    found = {name: _outcomes(source, case, name) for name in names}
    first = found[names[0]]["day"]
    for name, outcomes in found.items():
        if not outcomes["day"].to_index().equals(first.to_index()):
            raise InputError(
                "day k must be the same day for every operator",
                where=f"{name}/{HELD_OUT}, day",
                got=f"other days than {names[0]}",
                fix="give the same days in the same order",
            )
    chosen = spread_days(first.size, days)
    return {name: outcomes[{"day": chosen}] for name, outcomes in found.items()}


def spread_days(available: int, days: Days) -> np.ndarray:
    """Positions of some days, evenly spread over those available.

    Raises
    ------
    InputError
        If there are fewer, or the number is not positive.
    """
    if days == "all":
        return np.arange(available)
    if not 0 < days <= available:
        raise InputError(
            f"the number of days must lie between 1 and {available}",
            where="evaluate/days",
            got=days,
            fix="give such a number, or 'all'",
        )
    return np.asarray(((np.arange(days) + 0.5) * available / days).astype(int))


def _outcomes(source: xr.DataTree, case: xr.DataTree, name: str) -> xr.DataArray:
    where = f"{name}/{HELD_OUT}"
    if name not in source.children or HELD_OUT not in source[name]:
        raise InputError(
            "there are no held-out days for this operator",
            where=where,
            got="groups " + (", ".join(source.children) or "none"),
            fix="give a group per operator with this variable, dims (day, unit, time), in MW",
        )
    outcomes = source[name].to_dataset()[HELD_OUT]
    if set(outcomes.dims) != set(DIMS):
        raise InputError(
            "the dims of held-out days are (day, unit, time)",
            where=where,
            got=f"({', '.join(map(str, outcomes.dims))})",
            fix="rename or add the dims",
        )
    data = case[name].to_dataset()
    _check_labels(outcomes, data, where)
    outcomes = outcomes.transpose(*DIMS).sel(unit=data["unit"].to_numpy())
    _check_range(outcomes, data["renewable_capacity"], where)
    if not outcomes.sizes["day"]:
        raise InputError("there are no held-out days", where=where, fix="give at least one day")
    return outcomes


def _check_labels(outcomes: xr.DataArray, data: xr.Dataset, where: str) -> None:
    units = outcomes["unit"].to_index().astype(str)
    if set(units) != set(data["unit"].to_numpy().astype(str)) or not units.is_unique:
        raise InputError(
            "the units are not those of the case",
            where=f"{where}, unit",
            got=", ".join(units),
            fix="give " + ", ".join(data["unit"].to_numpy().astype(str)),
        )
    if not outcomes["time"].to_index().equals(data["time"].to_index()):
        raise InputError(
            "the time steps are not those of the case",
            where=f"{where}, time",
            got=f"{outcomes.sizes['time']} steps from {outcomes['time'].to_numpy()[0]}",
            fix="label the steps of every day with the case's own times",
        )


def _check_range(outcomes: xr.DataArray, capacity: xr.DataArray, where: str) -> None:
    most = capacity.sel(unit=outcomes["unit"].to_numpy()) * (1 + 1e-9)
    legal = (outcomes >= 0) & (outcomes <= most)
    if not bool(legal.all()):
        day, unit, step = np.argwhere(~legal.transpose(*DIMS).to_numpy())[0]
        place = outcomes[{"day": int(day), "unit": int(unit), "time": int(step)}]
        raise InputError(
            "available power must lie between zero and the unit's capacity",
            where=f"{where}, day {place['day'].item()}, unit {place['unit'].item()}",
            got=float(place),
            fix="give MW, clipped to the capacity",
        )
