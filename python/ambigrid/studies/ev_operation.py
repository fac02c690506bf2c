"""What operating a day of the EV-flexibility study means: who calls, what is lost, who charges."""

from __future__ import annotations

import xarray as xr

from ambigrid.cases.disaggregation import Disaggregation
from ambigrid.cases.schema import SESSION
from ambigrid.studies.ev_interpretation import LOSSES
from ambigrid.studies.ev_models import Mode

OPERATED_MODE: Mode = "both"
"""Mode in which every plan is operated: a plan without reserves leaves nothing to deploy."""


def requested_call(recourse: xr.Dataset, feeder: str) -> xr.DataArray:
    """Return what a redispatch of the transmission operator calls from a feeder.

    Parameters
    ----------
    recourse : xarray.Dataset
        `boundary_call_up`, `boundary_call_down` (distribution, time, …), MW.
    feeder : str
        Name of the distribution operator.

    Returns
    -------
    xarray.DataArray
        δ = up − down without the dim `distribution`, MW; positive: the feeder imports less.
    """
    call = recourse["boundary_call_up"] - recourse["boundary_call_down"]
    return call.sel(distribution=feeder).drop_vars("distribution").assign_attrs(units="MW")


def lost_power(recourse: xr.Dataset) -> xr.DataArray:
    """Add up what is curtailed, shed or violated in every step.

    Parameters
    ----------
    recourse : xarray.Dataset
        Recourse variables with dims (device, time, …), MW.

    Returns
    -------
    xarray.DataArray
        Dims (loss, time, …), MW (violated limits of a feeder: MVA); the losses of `LOSSES` that
        the operator can have.
    """
    found = {}
    for loss, names in LOSSES.items():
        present = [recourse[name] for name in names if name in recourse]
        if present:
            found[loss] = sum((_over_devices(part) for part in present), xr.DataArray(0.0))
    stacked = xr.Dataset(found).to_dataarray("loss", "lost_power")
    return stacked.assign_attrs(units="MW", long_name="power lost or violated")


def station_profile(data: xr.Dataset, recourse: xr.Dataset) -> xr.DataArray:
    """Power the stations draw, baseline plus adjustment; dims (station, time, …), MW."""
    profile = data["ev_baseline"] + recourse["adjustment_down"] - recourse["adjustment_up"]
    return profile.assign_attrs(units="MW", long_name="power drawn by the station")


def station_service(data: xr.Dataset, profile: xr.DataArray) -> xr.Dataset:
    """Assign station profiles to sessions and sum up what the sessions cannot take or miss.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder's group with its sessions.
    profile : xarray.DataArray
        Dims (day, station, time), MW.

    Returns
    -------
    xarray.Dataset
        Dims (day, station): `unserved`, MWh missing from the sessions' guaranteed need, and
        `deviation`, MWh over the day by which the sessions miss the profile.
    """
    sessions = data[[name for name in SESSION if name in data]]
    hours = float(data.attrs["step_hours"])
    programs = Disaggregation(sessions, profile["station"].to_numpy().astype(str), profile["time"])
    served = [_serve(profile.sel(day=day), programs, hours) for day in profile["day"]]
    return xr.concat(served, profile["day"])


def has_sessions(data: xr.Dataset) -> bool:
    """Whether a feeder's group says which cars come when."""
    return data.sizes.get("session", 0) > 0


def _serve(profile: xr.DataArray, programs: Disaggregation, hours: float) -> xr.Dataset:
    assigned = programs.assign(profile.drop_vars("day"))
    station = programs.sessions["session_station"].to_numpy().astype(str)
    missing = assigned["session_unserved"].groupby(
        xr.DataArray(station, dims="session", name="station")
    )
    unserved = missing.sum().reindex(station=profile["station"].to_numpy().astype(str))
    unserved = unserved.fillna(0.0).assign_coords(station=profile["station"].to_numpy())
    deviation = abs(assigned["station_deviation"]).sum("time") * hours
    return xr.Dataset(
        {
            "unserved": unserved.assign_attrs(units="MWh", long_name="energy not served"),
            "deviation": deviation.assign_attrs(units="MWh", long_name="profile not followed"),
        }
    )


def _over_devices(power: xr.DataArray) -> xr.DataArray:
    return power.sum([dim for dim in power.dims if dim not in ("time", "day")])
