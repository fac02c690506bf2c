"""Thermal units: piecewise-linear cost, ramps, reserves and their deployment."""

from __future__ import annotations

import linopy
import xarray as xr

from ambigrid.networks.arrays import over
from ambigrid.networks.nodal_power import Injection
from ambigrid.networks.objective import Prices


def add_schedule(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `power` (generator, time) and `segment_power` (generator, segment, time), MW.

    Rows: `power_segments` (power is `power_min` plus its segments), `ramp_up` and `ramp_down`.
    Units are on all day. Segment costs must not fall, so that cheaper segments fill first.

    Parameters
    ----------
    model : linopy.Model
        The model to extend.
    data : xarray.Dataset
        `power_min`, `power_max` MW, `ramp_up`, `ramp_down` MW/h, `segment_power` MW,
        ``attrs["step_hours"]`` h.
    """
    lowest, highest = power_range(data)
    power = model.add_variables(lower=lowest, upper=highest, name="power")
    width = over(data["segment_power"], data, "generator", "segment", "time")
    segments = model.add_variables(lower=0 * width, upper=width, name="segment_power")
    model.add_constraints(power - segments.sum("segment") == lowest, name="power_segments")
    add_ramps(model, data, 1 * power, "ramp")


def add_ramps(
    model: linopy.Model, data: xr.Dataset, power: linopy.LinearExpression, name: str
) -> None:
    """Add rows `<name>_up` and `<name>_down` (generator, time) on the change of `power`.

    Rows of units that can cross their whole range in one step are left out.
    """
    step = float(data.attrs["step_hours"])
    lowest, highest = power_range(data)
    change = power.diff("time")
    most_up, most_down = (
        over(step * data[ramp], data, "generator", "time") for ramp in ("ramp_up", "ramp_down")
    )
    later = data["time"] > data["time"][0]
    slow_up, slow_down = ((most < highest - lowest) & later for most in (most_up, most_down))
    if slow_up.any():
        model.add_constraints(change <= most_up, name=f"{name}_up", mask=slow_up)
    if slow_down.any():
        model.add_constraints(change >= -most_down, name=f"{name}_down", mask=slow_down)


def add_reserves(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `reserve_up` and `reserve_down` (generator, time), MW, with head and foot room rows."""
    lowest, highest = power_range(data)
    most = over(data["reserve_max"], data, "generator", "time")
    power = model.variables["power"]
    up = model.add_variables(lower=0 * most, upper=most, name="reserve_up")
    down = model.add_variables(lower=0 * most, upper=most, name="reserve_down")
    model.add_constraints(power + up <= highest, name="head_room")
    model.add_constraints(power - down >= lowest, name="foot_room")


def add_deployment(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `deployment_up` and `deployment_down` (generator, time), MW, within the reserves.

    Rows: `deployed_within_up`, `deployed_within_down`, and `redispatch_ramp_up`,
    `redispatch_ramp_down` on the power after deployment.
    """
    coords = model.variables["power"].coords
    for direction in ("up", "down"):
        deployed = model.add_variables(lower=0.0, coords=coords, name=f"deployment_{direction}")
        reserve = model.variables[f"reserve_{direction}"]
        model.add_constraints(deployed - reserve <= 0.0, name=f"deployed_within_{direction}")
    add_ramps(model, data, _redispatched(model), "redispatch_ramp")


def schedule(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Scheduled power of the units."""
    return Injection(model.variables["power"], data["generator_bus"], *power_range(data))


def redispatch(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Power of the units after deployment; head and foot room keep it in the units' range."""
    return Injection(_redispatched(model), data["generator_bus"], *power_range(data))


def _redispatched(model: linopy.Model) -> linopy.LinearExpression:
    variables = model.variables
    return variables["power"] + variables["deployment_up"] - variables["deployment_down"]


def power_range(data: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Least and greatest power of the units, dims (generator, time), MW."""
    lowest, highest = (
        over(data[name], data, "generator", "time") for name in ("power_min", "power_max")
    )
    return lowest, highest


def prices(data: xr.Dataset) -> Prices:
    """Return the prices of energy above `power_min`, of reserves and their deployment, $/MWh."""
    return {
        "segment_power": data["segment_cost"],
        "reserve_up": data["reserve_cost_up"],
        "reserve_down": data["reserve_cost_down"],
        "deployment_up": data["deployment_cost_up"],
        "deployment_down": data["deployment_cost_down"],
    }


def no_load_cost(data: xr.Dataset) -> float:
    """Cost of running all units at `power_min` over the horizon, $."""
    hours = data.sizes["time"] * float(data.attrs["step_hours"])
    return float(data["no_load_cost"].sum()) * hours
