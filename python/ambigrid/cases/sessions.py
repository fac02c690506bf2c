"""Charging sessions: a seeded generator whose distributions are stated and sourced.

Sessions of the kinds ``workday`` and ``visit`` are drawn from distributions fitted (maximum
likelihood, weekdays, arrivals before and after 11:00) to 25,719 measured sessions of the Caltech
and JPL garages: Z. J. Lee, T. Li, S. H. Low, "ACN-Data: Analysis and Applications of an Open EV
Charging Dataset", ACM e-Energy 2019, CC BY 4.0. Nobody in those garages charges overnight, so the
kind ``overnight`` is an assumption: residential cars that come home around 18:30 and leave around
07:00, with the energy need of the measured ``workday`` sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.errors import InputError

CHARGER_POWER = 0.006656  # MW: 208 V, 32 A, the level-2 chargers of the measured garages


@dataclass(frozen=True)
class SessionKind:
    """Distributions of one kind of session; arrival normal, stay Weibull, energy gamma.

    Attributes
    ----------
    arrival_mean, arrival_deviation : float
        Hour of the day, and its standard deviation in hours.
    stay_shape, stay_scale : float
        Weibull shape, and scale in hours.
    energy_shape, energy_scale : float
        Gamma shape, and scale in MWh.
    """

    arrival_mean: float
    arrival_deviation: float
    stay_shape: float
    stay_scale: float
    energy_shape: float
    energy_scale: float


WORKDAY = SessionKind(7.78, 1.40, 2.97, 8.68, 1.48, 0.00920)  # fitted, 66 % of the measured
VISIT = SessionKind(14.73, 2.53, 1.45, 3.96, 1.28, 0.00799)  # fitted, 34 % of the measured
OVERNIGHT = SessionKind(18.5, 1.5, 8.0, 13.3, 1.48, 0.00920)  # assumed
WORKDAY_SHARE = 0.66


@dataclass(frozen=True)
class Battery:
    """What the measured data lack and discharging needs: an assumption, the same for every car.

    Attributes
    ----------
    capacity : float
        Usable battery size in MWh.
    departure_charge : float
        State of charge at departure, as a share of the capacity, once the need has been served;
        the charge at arrival follows from it and the session's energy.
    """

    capacity: float = 0.060
    departure_charge: float = 0.9

    def initial(self, energy: np.ndarray) -> np.ndarray:
        """Charge at arrival in MWh, at least zero, for energy needs in MWh."""
        return np.maximum(self.departure_charge * self.capacity - energy, 0.0)

    @property
    def largest_need(self) -> float:
        """The largest energy in MWh that a session can take on."""
        return self.departure_charge * self.capacity


DEFAULT_BATTERY = Battery()


def generate_sessions(
    rng: np.random.Generator,
    stations: Sequence[str],
    time: xr.DataArray | pd.DatetimeIndex,
    *,
    mean_sessions: float = 80.0,
    overnight_share: float = 0.5,
    v2g: bool = True,
    battery: Battery = DEFAULT_BATTERY,
) -> xr.Dataset:
    """Draw the sessions of charging stations over the scheduled horizon.

    The number of arrivals per station and day is Poisson. Sessions are drawn for the day before
    the horizon too; one that crosses an end of the horizon is cut there and needs its energy in
    proportion to the time inside (see :func:`clip_sessions`).

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance: the same seed gives the same sessions.
    stations : sequence of str
        Station labels.
    time : DataArray or DatetimeIndex
        Starts of the equally long steps; the horizon ends one step after the last.
    mean_sessions : float
        Expected arrivals per station and day.
    overnight_share : float
        Share of the assumed overnight kind in [0, 1]; the rest follows the measured garages.
    v2g : bool
        Whether chargers can discharge, with the same power as they charge.
    battery : Battery
        Assumed battery, used with `v2g`.

    Returns
    -------
    Dataset
        Dim ``session``: ``session_station``, ``session_arrival``, ``session_departure``,
        ``session_energy`` MWh, ``session_power_max``, ``session_power_min`` MW,
        ``session_capacity``, ``session_initial`` MWh.

    Raises
    ------
    InputError
        For a share outside [0, 1], a negative mean or steps that are not equally long.
    """
    if not 0.0 <= overnight_share <= 1.0:
        raise InputError(
            "the share of overnight sessions must lie in [0, 1]",
            where="generate_sessions/overnight_share",
            got=overnight_share,
        )
    if not mean_sessions >= 0.0:
        raise InputError(
            "the mean number of sessions must not be negative",
            where="generate_sessions/mean_sessions",
            got=mean_sessions,
        )
    start, end = horizon(time)
    days = pd.date_range(start.normalize() - pd.Timedelta(days=1), end, freq="D")
    mixture = [(kind, share * mean_sessions) for kind, share in _mixture(overnight_share)]
    table = _draw_table(rng, stations, days, mixture)
    table["energy"] = table["energy"].clip(upper=battery.largest_need)
    sessions = make_sessions(table, v2g=v2g, battery=battery)
    return clip_sessions(sessions, time)


def make_sessions(
    table: pd.DataFrame, *, v2g: bool, battery: Battery = DEFAULT_BATTERY
) -> xr.Dataset:
    """Complete a table (station, arrival, departure, energy MWh, power MW) to a session dataset.

    Without `v2g` a session is its own battery: empty at arrival and full once its need is served,
    so that capacity = energy and initial = 0.
    """
    energy, power = table["energy"].to_numpy(float), table["power"].to_numpy(float)
    capacity = np.full(len(table), battery.capacity) if v2g else energy
    initial = battery.initial(energy) if v2g else np.zeros(len(table))
    columns: dict[str, tuple[object, str, str]] = {
        "session_station": (table["station"].astype(str).to_numpy(object), "", "station"),
        "session_arrival": (_nanoseconds(table["arrival"]), "", "plugged in at"),
        "session_departure": (_nanoseconds(table["departure"]), "", "plugged out at"),
        "session_energy": (energy, "MWh", "energy needed by departure"),
        "session_power_max": (power, "MW", "largest charging power"),
        "session_power_min": (-power if v2g else 0.0 * power, "MW", "least power"),
        "session_capacity": (capacity, "MWh", "usable battery size"),
        "session_initial": (initial, "MWh", "battery charge at arrival"),
    }
    dataset = xr.Dataset(
        {name: ("session", values) for name, (values, _, _) in columns.items()},
        coords={"session": np.arange(len(table))},
    )
    for name, (_, units, long_name) in columns.items():
        dataset[name].attrs = {"units": units, "long_name": long_name}
        if name in ("session_arrival", "session_departure"):
            del dataset[name].attrs["units"]  # the calendar encoding of NetCDF owns this name
    return dataset


def clip_sessions(sessions: xr.Dataset, time: xr.DataArray | pd.DatetimeIndex) -> xr.Dataset:
    """Cut sessions at the ends of the horizon and drop those outside it.

    The energy need is split in proportion to the time inside and outside the horizon; the charge
    at arrival rises by the share served before the horizon.
    """
    start, end = (stamp.to_datetime64() for stamp in horizon(time))
    arrival, departure = sessions["session_arrival"], sessions["session_departure"]
    cut_arrival = arrival.where(arrival >= start, start)
    cut_departure = departure.where(departure <= end, end)
    stay = (departure - arrival) / np.timedelta64(1, "h")
    inside = (cut_departure - cut_arrival) / np.timedelta64(1, "h")
    before = (cut_arrival - arrival) / np.timedelta64(1, "h") / stay
    energy = sessions["session_energy"]
    discharges = sessions["session_power_min"] < 0.0
    clipped = sessions.assign(
        session_arrival=cut_arrival,
        session_departure=cut_departure,
        session_energy=energy * inside / stay,
        session_initial=sessions["session_initial"] + (energy * before).where(discharges, 0.0),
        session_capacity=sessions["session_capacity"].where(discharges, energy * inside / stay),
    )
    for name in sessions.data_vars:
        clipped[name].attrs = sessions[name].attrs
    clipped = clipped.isel(session=np.flatnonzero(inside.to_numpy() > 0.0))
    return clipped.assign_coords(session=np.arange(clipped.sizes["session"]))


def horizon(time: xr.DataArray | pd.DatetimeIndex) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First instant and end of a horizon given by the starts of its steps.

    Raises
    ------
    InputError
        When there are fewer than two steps, or the steps are not equally long and rising.
    """
    stamps = pd.DatetimeIndex(np.asarray(time))
    steps = np.unique(np.diff(stamps.to_numpy()))
    if len(steps) != 1 or steps[0] <= np.timedelta64(0, "ns"):
        raise InputError(
            "the horizon needs at least two steps, rising and equally long",
            where="time",
            got=f"{len(stamps)} steps with lengths {[str(pd.Timedelta(s)) for s in steps[:3]]}",
            fix="give the start of every step, e.g. pandas.date_range(day, periods=24, freq='h')",
        )
    return stamps[0], stamps[-1] + pd.Timedelta(steps[0])


def _mixture(overnight_share: float) -> list[tuple[SessionKind, float]]:
    measured = 1.0 - overnight_share
    return [
        (WORKDAY, measured * WORKDAY_SHARE),
        (VISIT, measured * (1.0 - WORKDAY_SHARE)),
        (OVERNIGHT, overnight_share),
    ]


def _draw_table(
    rng: np.random.Generator,
    stations: Sequence[str],
    days: pd.DatetimeIndex,
    mixture: list[tuple[SessionKind, float]],
) -> pd.DataFrame:
    """Sessions by station, day and kind, each kind with its expected number; MWh and MW."""
    blocks = [
        (station, day, _draw_kind(rng, kind, mean))
        for station in stations
        for day in days
        for kind, mean in mixture
    ]
    counts = [draws.shape[1] for _, _, draws in blocks]
    arrival, stay, energy = np.concatenate([draws for _, _, draws in blocks], axis=1)
    day = pd.DatetimeIndex([day for _, day, _ in blocks]).repeat(counts)
    arrived = day + pd.to_timedelta(arrival, unit="h")
    return pd.DataFrame(
        {
            "station": np.repeat(np.array([station for station, _, _ in blocks], object), counts),
            "arrival": arrived,
            "departure": arrived + pd.to_timedelta(stay, unit="h"),
            "energy": np.minimum(energy, CHARGER_POWER * stay),
            "power": CHARGER_POWER,
        }
    )


def _draw_kind(rng: np.random.Generator, kind: SessionKind, mean: float) -> np.ndarray:
    """Hour of arrival, stay in hours and energy in MWh of a day's sessions, shape (3, session)."""
    count = int(rng.poisson(mean))
    arrival = rng.normal(kind.arrival_mean, kind.arrival_deviation, count).round(4)
    stay = np.clip(kind.stay_scale * rng.weibull(kind.stay_shape, count), 0.25, 24.0).round(4)
    return np.array([arrival, stay, rng.gamma(kind.energy_shape, kind.energy_scale, count)])


def _nanoseconds(stamps: pd.Series) -> np.ndarray:
    return stamps.to_numpy("datetime64[ns]")
