"""Renewable units: a schedule within the forecast, and use or curtailment of what turns out."""

from __future__ import annotations

import linopy
import xarray as xr

from ambigrid.networks.arrays import larger, over
from ambigrid.networks.nodal_power import Injection
from ambigrid.networks.objective import Prices


def add_schedule(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `scheduled_renewable` (unit, time), MW, between zero and the forecast."""
    forecast = over(data["renewable_forecast"], data, "unit", "time")
    model.add_variables(lower=0 * forecast, upper=forecast, name="scheduled_renewable")


def add_use(model: linopy.Model, data: xr.Dataset) -> None:
    """Add the uncertain `renewable` and its `used_renewable` and `curtailment`, MW.

    All have dims (unit, time). Row `renewable_available`: used + curtailed = available.
    """
    coords = over(data["renewable_forecast"], data, "unit", "time").coords
    available = model.add_variables(coords=coords, name="renewable")
    used = model.add_variables(lower=0.0, coords=coords, name="used_renewable")
    curtailed = model.add_variables(lower=0.0, coords=coords, name="curtailment")
    model.add_constraints(used + curtailed - available == 0.0, name="renewable_available")


def schedule(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Scheduled renewable power."""
    forecast = over(data["renewable_forecast"], data, "unit", "time")
    power = model.variables["scheduled_renewable"]
    return Injection(power, data["renewable_bus"], 0 * forecast, forecast)


def use(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Return the used renewable power, at most `most_available`."""
    highest = most_available(data)
    power = model.variables["used_renewable"]
    return Injection(power, data["renewable_bus"], 0 * highest, highest)


def most_available(data: xr.Dataset) -> xr.DataArray:
    """Greatest power a unit can ever have, dims (unit, time), MW.

    It is the installed capacity, or a larger sample where the data hold one. Network limits that
    no outcome up to here can violate have no rows, so outcomes above it are refused.
    """
    highest = larger(data["renewable_capacity"], data["renewable_samples"].max("scenario"))
    return over(highest, data, "unit", "time")


def prices(data: xr.Dataset) -> Prices:
    """Return the price of curtailment, $/MWh."""
    return {"curtailment": data["curtailment_cost"]}
