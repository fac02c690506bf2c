"""Small helpers on labelled arrays that the components share."""

from __future__ import annotations

import numpy as np
import xarray as xr


def over(values: xr.DataArray, like: xr.Dataset | xr.DataArray, *dims: str) -> xr.DataArray:
    """Spread values over dims, with the labels in exactly this order and no others.

    The order of dims and coordinates is what a variable's columns follow.

    Parameters
    ----------
    values : xarray.DataArray
        Dims among `dims`.
    like : xarray.Dataset or xarray.DataArray
        Has the labels of the dims that `values` lacks.
    dims : str
        The dims of the outcome, in order.
    """
    labels = {dim: (values if dim in values.dims else like)[dim].to_numpy() for dim in dims}
    missing = {dim: labels[dim] for dim in dims if dim not in values.dims}
    full = values.reset_coords(drop=True).expand_dims(missing).transpose(*dims)
    return xr.DataArray(full.to_numpy().copy(), labels, dims)


def larger(first: xr.DataArray, second: xr.DataArray | float) -> xr.DataArray:
    """Elementwise maximum."""
    maximum: xr.DataArray = xr.apply_ufunc(np.maximum, first, second)
    return maximum


def at_bus(power: xr.DataArray, bus: xr.DataArray, like: xr.DataArray) -> xr.DataArray:
    """Add up the power of devices at every bus.

    Parameters
    ----------
    power : xarray.DataArray
        Dims (device, …), MW.
    bus : xarray.DataArray of str
        Dims (device): the bus of every device.
    like : xarray.DataArray
        Any array with the coordinate `bus` of the network.

    Returns
    -------
    xarray.DataArray
        Dims (bus, …), MW; zero where there is no device.
    """
    here = bus.reset_coords(drop=True) == like["bus"]
    return power.where(here, 0.0).sum(str(bus.dims[0])).transpose("bus", ...)
