"""One charging station: its limits, its baseline, and the regulation it sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.plotting.style import (
    BAND,
    DOWN_LIGHT,
    INK,
    STATION,
    UP_LIGHT,
    agent_data,
    band,
    edges,
    legend_beside,
    required,
    steps,
    time_axis,
)
from ambigrid.profiles import step_hours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from ambigrid.results import Result

_NEEDED = ("ev_baseline", "ev_power_min", "ev_power_max", "ev_energy_min", "ev_energy_max")


def draw(canvas: FigureBase, result: Result, agent: str | None, name: str | None) -> None:
    """Draw power and energy of one station with the room its regulation takes."""
    agent = agent or first_with_stations(result)
    dispatch, derived = agent_data(result.dispatch, agent), agent_data(result.derived, agent)
    up = required(dispatch, "ev_reserve_up", f"/dispatch/{agent}")
    down = required(dispatch, "ev_reserve_down", f"/dispatch/{agent}")
    cleared = (up + down).sum("time")
    name = name or str(cleared["station"].values[cleared.values.argmax()])
    if name not in cleared["station"].values:
        raise InputError(
            "there is no such station",
            where=f"/dispatch/{agent}",
            got=repr(name),
            fix="choose one of " + ", ".join(map(str, cleared["station"].values)),
        )
    limits = {key: required(derived, key, f"/derived/{agent}").sel(station=name) for key in _NEEDED}
    upper, lower = canvas.subplots(2, 1, sharex=True)
    _power(upper, limits, dispatch.sel(station=name))
    _energy(lower, limits, _adjustments(result, agent, name))
    upper.set_title(f"Station {name} of {agent.replace('_', ' ')}")
    time_axis(lower, limits["ev_baseline"])
    for axes in (upper, lower):
        legend_beside(axes)


def first_with_stations(result: Result) -> str:
    """Name the first agent that has charging stations.

    Raises
    ------
    InputError
        If no agent has any.
    """
    for agent, node in result.dispatch.children.items():
        if "ev_reserve_up" in node:
            return agent
    raise InputError(
        "no agent of this result has charging stations",
        where="/dispatch",
        got="agents " + ", ".join(result.dispatch.children),
        fix="choose another picture",
    )


def _power(axes: Axes, limits: dict[str, xr.DataArray], dispatch: xr.Dataset) -> None:
    baseline = limits["ev_baseline"]
    band(axes, limits["ev_power_min"], limits["ev_power_max"], color=BAND, label="limits")
    up, down = (dispatch[f"ev_reserve_{way}"] for way in ("up", "down"))
    band(axes, baseline - up, baseline, color=UP_LIGHT, label="up: charge less")
    band(axes, baseline, baseline + down, color=DOWN_LIGHT, label="down: charge more")
    steps(axes, baseline, color=STATION, label="baseline")
    axes.set_ylabel("charging power, MW")


def _energy(axes: Axes, limits: dict[str, xr.DataArray], adjustments: xr.DataArray | None) -> None:
    """Draw the cumulative energy, known at the ends of the steps and straight between them."""
    baseline = limits["ev_baseline"]
    low, high = (_from_zero(limits[f"ev_energy_{way}"].values) for way in ("min", "max"))
    axes.fill_between(edges(baseline), low, high, color=BAND, linewidth=0, label="limits")
    hours = step_hours(baseline)
    for k, adjustment in enumerate(() if adjustments is None else adjustments):
        energy = _from_zero(np.cumsum(baseline.values + adjustment.values) * hours)
        label = "scenarios, worst call" if k == 0 else None
        axes.plot(edges(baseline), energy, color=INK, linewidth=0.7, alpha=0.45, label=label)
    energy = _from_zero(np.cumsum(baseline.values) * hours)
    axes.plot(edges(baseline), energy, color=STATION, label="baseline")
    axes.set_title("Energy delivered")
    axes.set_ylabel("cumulative energy, MWh")


def _adjustments(result: Result, agent: str, name: str) -> xr.DataArray | None:
    """Change of charging power over (scenario, time), MW, when the result keeps the recourse."""
    if not result.has(f"recourse/{agent}/adjustment_up"):
        return None
    recourse = agent_data(result.recourse, agent).sel(station=name)
    change = recourse["adjustment_down"] - recourse["adjustment_up"]
    return change.transpose(..., "time").stack(case=[d for d in change.dims if d != "time"]).T


def _from_zero(values: np.ndarray) -> np.ndarray:
    return np.insert(values, 0, 0.0)
