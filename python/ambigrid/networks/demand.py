"""Loads and their shedding, which takes the reactive part along."""

from __future__ import annotations

import linopy
import xarray as xr

from ambigrid.networks.arrays import larger, over
from ambigrid.networks.nodal_power import Injection
from ambigrid.networks.objective import Prices


def add_shedding(model: linopy.Model, data: xr.Dataset, load: xr.DataArray) -> None:
    """Add `shedding` (bus, time), MW, up to ``shedding_share`` of each load.

    Buses that never have a load have no shedding; a negative load (generation) is not shed.

    Parameters
    ----------
    model : linopy.Model
        The model to extend.
    data : xarray.Dataset
        `shedding_share`, a number in [0, 1].
    load : xarray.DataArray
        Dims (bus, time), MW.
    """
    most = most_shed(data, load)
    model.add_variables(lower=0 * most, upper=most, name="shedding")


def shedding(
    model: linopy.Model,
    data: xr.Dataset,
    load: xr.DataArray,
    reactive: xr.DataArray | None = None,
) -> Injection:
    """Shed power, fed back into its bus with the load's power factor."""
    most = most_shed(data, load)
    bus = most["bus"]
    ratio = None if reactive is None else reactive_ratio(load, reactive).sel(bus=bus)
    device_bus = xr.DataArray(bus.to_numpy(), {"bus": bus}, ("bus",))
    return Injection(model.variables["shedding"], device_bus, 0 * most, most, ratio)


def most_shed(data: xr.Dataset, load: xr.DataArray) -> xr.DataArray:
    """Greatest shedding, dims (bus, time), MW, of the buses that have a load."""
    most = float(data["shedding_share"]) * larger(over(load, load, "bus", "time"), 0.0)
    return most[(most > 0).any("time").to_numpy()]


def reactive_ratio(load: xr.DataArray, reactive: xr.DataArray) -> xr.DataArray:
    """MVAr that come with each MW of load; zero where there is no load."""
    loaded = load > 0
    return (reactive / load.where(loaded, 1.0)).where(loaded, 0.0)


def prices(data: xr.Dataset) -> Prices:
    """Return the price of shedding, $/MWh."""
    return {"shedding": data["shedding_cost"]}
