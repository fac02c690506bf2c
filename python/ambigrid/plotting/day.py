"""The day of one operator: what it schedules above, what it holds in reserve below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from ambigrid.plotting.style import (
    DOWN,
    DOWN_LIGHT,
    INK,
    STATION,
    THERMAL,
    UP,
    UP_LIGHT,
    WIND,
    agent_data,
    legend_beside,
    required,
    stack,
    steps,
    time_axis,
)
from ambigrid.profiles import over_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from ambigrid.results import Result

Layers = list[tuple[str, xr.DataArray, str]]


def draw(canvas: FigureBase, result: Result, agent: str) -> None:
    """Draw dispatch and reserve of one agent."""
    dispatch = agent_data(result.dispatch, agent)
    required(dispatch, "boundary_reserve_up", f"/dispatch/{agent}")
    upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if "power" in dispatch:
        _generation(upper, dispatch, _demand(result, agent))
        _reserve(lower, dispatch, ("reserve", "thermal"), ("boundary_reserve", "boundary"))
    else:
        _exchange(upper, _derived(result, agent))
        _reserve(lower, dispatch, ("ev_reserve", "stations"))
        for name, color in (("boundary_reserve_up", UP), ("boundary_reserve_down", DOWN)):
            sign = 1 if name.endswith("up") else -1
            words = name.removeprefix("boundary_reserve_")
            steps(lower, sign * dispatch[name], color=color, label=f"boundary {words}")
    time_axis(lower, dispatch["boundary_reserve_up"])
    lower.set_title("Reserve: up above zero, down below")
    lower.set_ylabel("reserve, MW")
    upper.set_title(f"Schedule of {agent.replace('_', ' ')}")
    upper.set_ylabel("power, MW")
    for axes in (upper, lower):
        legend_beside(axes)


def _generation(axes: Axes, dispatch: xr.Dataset, demand: xr.DataArray | None) -> None:
    power = dispatch["power"]
    units = power["generator"].values
    layers: Layers = [
        (str(unit), power.sel(generator=unit), THERMAL[k % len(THERMAL)])
        for k, unit in enumerate(units[: len(THERMAL)])
    ]
    if len(units) > len(THERMAL):
        layers[-1] = ("others", over_time(power[{"generator": slice(4, None)}]), THERMAL[-1])
    if "scheduled_renewable" in dispatch:
        layers.append(("wind", over_time(dispatch["scheduled_renewable"]), WIND))
    stack(axes, layers)
    if demand is not None:
        steps(axes, demand, color=INK, label="demand")


def _reserve(axes: Axes, dispatch: xr.Dataset, *products: tuple[str, str]) -> None:
    """Stack the reserves of each product (stem of the variable's name, words)."""
    shades = {"up": (UP, UP_LIGHT), "down": (DOWN, DOWN_LIGHT)}
    for way, sign in (("down", -1), ("up", 1)):
        colors = shades[way] if len(products) > 1 else shades[way][1:]
        layers = [
            (f"{words} {way}", over_time(dispatch[f"{stem}_{way}"]), color)
            for (stem, words), color in zip(products, colors, strict=True)
            if f"{stem}_{way}" in dispatch
        ]
        stack(axes, layers, sign)
    axes.axhline(0, color=INK, linewidth=0.8)


def _exchange(axes: Axes, derived: xr.Dataset) -> None:
    """Draw what makes up a distribution operator's baseline exchange."""
    layers: Layers = []
    if "load" in derived:
        layers.append(("load", over_time(derived["load"]), THERMAL[3]))
    if "ev_baseline" in derived:
        layers.append(("stations", over_time(derived["ev_baseline"]), STATION))
    stack(axes, layers)
    if "renewable_forecast" in derived:
        stack(axes, [("wind", over_time(derived["renewable_forecast"]), WIND)], sign=-1)
    if "boundary_baseline" in derived:
        steps(axes, derived["boundary_baseline"], color=INK, label="baseline import")
    axes.axhline(0, color=INK, linewidth=0.8)


def _demand(result: Result, agent: str) -> xr.DataArray | None:
    """Load of the transmission system and the baseline imports of all distribution operators."""
    own = _derived(result, agent)
    if "load" not in own:
        return None
    imports = [
        node["boundary_baseline"].reset_coords(drop=True)
        for node in (_derived(result, other) for other in result.derived.children)
        if "boundary_baseline" in node and "distribution" not in node["boundary_baseline"].dims
    ]
    return sum(imports, start=over_time(own["load"]))


def _derived(result: Result, agent: str) -> xr.Dataset:
    path = f"derived/{agent}"
    return agent_data(result.derived, agent) if result.has(path) else xr.Dataset()
