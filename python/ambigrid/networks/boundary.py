"""The boundary between transmission and a distribution feeder: reserve, call, violation.

"Up" is upward regulation for the transmission system: the feeder imports less.
"""

from __future__ import annotations

import linopy
import xarray as xr

from ambigrid.networks.arrays import over
from ambigrid.networks.nodal_power import Injection, NodalPower
from ambigrid.networks.objective import Prices

# --- seen from the transmission system --------------------------------------------------------


def add_reserve_requests(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `boundary_reserve_up` and `boundary_reserve_down` (distribution, time), MW.

    They are at most `boundary_limit` (distribution), MW, what the boundary branch allows.
    """
    most = largest_request(data)
    for direction in ("up", "down"):
        model.add_variables(lower=0 * most, upper=most, name=f"boundary_reserve_{direction}")


def largest_request(data: xr.Dataset) -> xr.DataArray:
    """Return what the boundary branches allow; dims (distribution, time), MW."""
    return over(data["boundary_limit"], data, "distribution", "time")


def fix_reserve_at_zero(model: linopy.Model) -> None:
    """Forbid boundary reserve: the feeders keep their baseline exchange."""
    for direction in ("up", "down"):
        model.variables[f"boundary_reserve_{direction}"].update(upper=0.0)


def add_calls(model: linopy.Model) -> None:
    """Add `boundary_call_up` and `boundary_call_down` (distribution, time), MW.

    Rows `called_within_up`, `called_within_down`: at most the boundary reserve.
    """
    for direction in ("up", "down"):
        reserve = model.variables[f"boundary_reserve_{direction}"]
        name = f"boundary_call_{direction}"
        called = model.add_variables(lower=0.0, coords=reserve.coords, name=name)
        model.add_constraints(called - reserve <= 0.0, name=f"called_within_{direction}")


def calls(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Return the called power, as if fed into the boundary buses."""
    power = model.variables["boundary_call_up"] - model.variables["boundary_call_down"]
    most = largest_request(data)
    return Injection(power, data["boundary_bus"], -most, most)


def call_prices(data: xr.Dataset) -> Prices:
    """Return the price of called boundary reserve, $/MWh."""
    calls = ("boundary_call_up", "boundary_call_down")
    return dict.fromkeys(calls, data["boundary_deployment_cost"])


# --- seen from the distribution feeder --------------------------------------------------------


def add_reserve_offer(
    model: linopy.Model, regulation: dict[str, tuple[linopy.Variable, xr.DataArray]]
) -> None:
    """Add `boundary_reserve_up` and `boundary_reserve_down` (time), MW.

    Rows `adequate_up`, `adequate_down`: at most the regulation bought inside the feeder.

    Parameters
    ----------
    model : linopy.Model
        The model to extend.
    regulation : dict of str to (linopy.Variable, xarray.DataArray)
        For "up" and "down": regulation bought, dims (station, time), and the most there is.
    """
    for direction, (bought, declared) in regulation.items():
        most = declared.sum("station")
        name = f"boundary_reserve_{direction}"
        offered = model.add_variables(lower=0 * most, upper=most, name=name)
        model.add_constraints(offered - bought.sum("station") <= 0.0, name=f"adequate_{direction}")


def add_adversarial_call(model: linopy.Model, time: xr.DataArray) -> None:
    """Add the call `boundary_call` (time), MW, that somebody else decides."""
    model.add_variables(coords={"time": time}, name="boundary_call")


def call_box(model: linopy.Model) -> tuple[linopy.LinearExpression, linopy.LinearExpression]:
    """Range of the call: from minus the downward to the upward boundary reserve."""
    return -1 * model.variables["boundary_reserve_down"], 1 * model.variables["boundary_reserve_up"]


def add_exchange(model: linopy.Model, power: NodalPower, baseline: xr.DataArray) -> None:
    """Add the row `boundary_exchange` (time): the feeder imports what was called.

    import = baseline − call + violation_up − violation_down, where the import is all power
    consumed (losses left out). The violations are unbounded above and occur nowhere else, so the
    row's dual lies within plus and minus their price.

    Parameters
    ----------
    model : linopy.Model
        Gains `boundary_violation_up` and `boundary_violation_down` (time), MW.
    power : NodalPower
        All power fed into the feeder's buses.
    baseline : xarray.DataArray
        Dims (time), MW.
    """
    time = {"time": baseline["time"]}
    up = model.add_variables(lower=0.0, coords=time, name="boundary_violation_up")
    down = model.add_variables(lower=0.0, coords=time, name="boundary_violation_down")
    supplied = power.total() + up - down
    if "boundary_call" in model.variables:
        supplied = supplied - model.variables["boundary_call"]
    model.add_constraints(
        supplied == -power.fixed_active.sum("bus") - baseline, name="boundary_exchange"
    )


def violation_prices(data: xr.Dataset) -> Prices:
    """Return the price of importing other than what was called, $/MWh."""
    violations = ("boundary_violation_up", "boundary_violation_down")
    return dict.fromkeys(violations, data["boundary_violation_cost"])
