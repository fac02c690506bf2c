"""The small tables shipped with the package, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
import xarray as xr

HOURS_PER_DAY = 24


@cache
def table(name: str) -> pd.DataFrame:
    """One CSV table of ``cases/data``; label columns are strings.

    Parameters
    ----------
    name : str
        File stem, such as ``bus30`` or ``line30``.
    """
    with as_file(files("ambigrid.cases.data") / f"{name}.csv") as path:
        return pd.read_csv(path, dtype=dict.fromkeys(("bus", "line", "from_bus", "to_bus"), str))


@cache
def simbench_days() -> xr.Dataset:
    """SimBench wind and load of 2016 by day.

    Returns
    -------
    Dataset
        ``wind(wind_profile, day, hour)`` per unit of capacity and ``load(load_profile, day,
        hour)`` per unit of the profile's yearly peak; `day` holds the dates. ODbL 1.0.
    """
    with as_file(files("ambigrid.cases.data") / "simbench_2016.nc") as path:
        stored = xr.load_dataset(path, engine="h5netcdf")
    first = pd.Timestamp(stored.attrs["first_hour"])
    dates = pd.date_range(first, periods=stored.sizes["hour"] // HOURS_PER_DAY, freq="D")
    days = xr.Dataset(coords={"day": dates, "hour": np.arange(HOURS_PER_DAY)})
    for name in ("wind", "load"):
        counts = stored[name]
        values = counts.to_numpy().T * float(counts.attrs["units"])
        profile = f"{name}_profile"
        shape = (values.shape[0], len(dates), HOURS_PER_DAY)
        days[name] = ((profile, "day", "hour"), values.reshape(shape))
        days = days.assign_coords({profile: stored[profile].to_numpy().astype(str)})
    return days
