"""Daily profiles: what tables and pictures both compute from a labelled array over time."""

from __future__ import annotations

import numpy as np
import xarray as xr


def over_time(power: xr.DataArray) -> xr.DataArray:
    """Add up every dimension but ``time``; the units stay."""
    return power.sum([dim for dim in power.dims if dim != "time"], keep_attrs=True)


def step_hours(profile: xr.DataArray) -> float:
    """Length of the time step of a profile over ``time``, h (1 for a single step)."""
    times = profile["time"].values
    if len(times) < 2:
        return 1.0
    return float((times[1] - times[0]) / np.timedelta64(1, "h"))
