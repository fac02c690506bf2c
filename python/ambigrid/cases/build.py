"""Parts from which built-in cases are made: wind with forecast errors, loads, feeders.

Every part is parameterised, so that systems of other sizes are made from the same code; a system's
file holds its figures and says what is assumed, :mod:`ambigrid.cases.system` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ambigrid.cases.envelopes import planned_stations
from ambigrid.cases.forecast_errors import ForecastErrorModel
from ambigrid.cases.scenarios import medoids
from ambigrid.cases.schema import group
from ambigrid.cases.sessions import generate_sessions
from ambigrid.cases.tables import HOURS_PER_DAY, simbench_days, table

Array = NDArray[np.float64]

FEEDER_VOLTAGE_KV = 12.66
BASE_MVA = 100.0
DEPARTURE_BAND = 0.012  # MWh: how much less than asked for a car may leave with


@dataclass(frozen=True)
class WindPark:
    """One wind unit: label, bus, capacity in MW and the SimBench profile it follows."""

    unit: str
    bus: str
    capacity: float
    profile: str


@dataclass(frozen=True)
class Day:
    """The scheduled day and how uncertainty about it is sampled.

    Attributes
    ----------
    date : str
        Day of 2016 whose smoothed wind is the forecast and whose load is the load.
    scenarios : int
        In-sample scenarios kept by clustering.
    hours : int
        Length of the horizon from midnight on, at most 24.
    errors : ForecastErrorModel
        Model of the forecast errors of the historic days.
    """

    date: str
    scenarios: int = 20
    hours: int = HOURS_PER_DAY
    errors: ForecastErrorModel = field(default_factory=ForecastErrorModel)

    @property
    def time(self) -> pd.DatetimeIndex:
        """Starts of the hours."""
        return pd.date_range(self.date, periods=self.hours, freq="h", unit="ns")


@dataclass(frozen=True)
class Feeder:
    """What distinguishes one 33-bus feeder from another.

    Attributes
    ----------
    name : str
        Group name.
    boundary_bus : str
        Bus of the transmission network at which it hangs.
    parks : tuple of WindPark
        Wind units.
    stations : tuple of str
        Buses with an EV station.
    load_level : float
        Peak load of the day over the sum of the published peak loads.
    load_profiles : tuple of str
        SimBench load profiles, dealt out to the buses in turn.
    root_voltage : float
        Voltage at the root in p.u.
    mean_sessions : float
        Expected sessions per station and day.
    """

    name: str
    boundary_bus: str
    parks: tuple[WindPark, ...]
    stations: tuple[str, ...]
    load_level: float
    load_profiles: tuple[str, ...]
    root_voltage: float
    mean_sessions: float


def wind_part(parks: Sequence[WindPark], day: Day, rng: np.random.Generator) -> dict[str, Any]:
    """Forecast, weighted in-sample scenarios and held-out days of the wind units.

    Historic days alternate: even positions of the year are in-sample candidates, clustered to
    ``day.scenarios`` medoids, odd positions are held out; the scheduled day itself is left out.

    Returns
    -------
    dict
        Values of the renewable variables, and the coordinates ``unit``, ``scenario``, ``day``
        under ``"coords"``.
    """
    stored = simbench_days()
    profiles = stored["wind"].sel(wind_profile=[park.profile for park in parks]).to_numpy()
    units = len(parks)
    errors = day.errors.standardised_errors(profiles.reshape(units, -1), rng)
    errors = errors.reshape(profiles.shape).transpose(1, 0, 2)[..., : day.hours]
    position = stored.indexes["day"].get_loc(pd.Timestamp(day.date))
    smooth = day.errors.smooth(profiles.reshape(units, -1)).reshape(profiles.shape)
    forecast = smooth[:, position, : day.hours]
    others = np.array([k for k in range(len(errors)) if k != position])
    capacity = np.array([park.capacity for park in parks])[:, None]
    samples = capacity * day.errors.apply(forecast, errors)
    candidates, held_out = others[others % 2 == 0], others[others % 2 == 1]
    chosen, weight = medoids(samples[candidates], day.scenarios, rng)
    return {
        "renewable_bus": [park.bus for park in parks],
        "renewable_capacity": capacity[:, 0],
        "renewable_forecast": capacity * forecast,
        "renewable_samples": samples[candidates[chosen]],
        "weight": weight,
        "renewable_held_out": samples[held_out],
        "coords": {
            "unit": np.array([park.unit for park in parks], dtype=object),
            "scenario": np.arange(day.scenarios),
            "day": stored["day"].to_numpy()[held_out],
        },
    }


def bus_loads(peaks: Array, profiles: Sequence[str], level: float, day: Day) -> Array:
    """Load of each bus, shape (bus, time) in the unit of `peaks`; profiles are dealt out in turn.

    The shape is the mean of the weekdays within two weeks of the scheduled day: a load forecast.
    The sum over the buses peaks at `level` times the sum of `peaks`, in some hour of the day.
    """
    stored = simbench_days()["load"]
    near = abs(stored.indexes["day"] - pd.Timestamp(day.date)) <= pd.Timedelta(days=14)
    weekdays = near & (stored.indexes["day"].dayofweek < 5)
    chosen = stored.sel(load_profile=list(profiles)).isel(day=np.flatnonzero(weekdays))
    shapes = chosen.mean("day").to_numpy()
    shapes = shapes / shapes.max(axis=1, keepdims=True)
    load = peaks[:, None] * shapes[np.arange(len(peaks)) % len(profiles)]
    scaled: Array = load * (level * peaks.sum() / load.sum(axis=0).max())
    return scaled[:, : day.hours]


def feeder_part(
    feeder: Feeder, day: Day, prices: Mapping[str, Any], rng: np.random.Generator
) -> xr.Dataset:
    """Make one 33-bus feeder with wind and EV stations.

    Parameters
    ----------
    feeder : Feeder
        What distinguishes this feeder.
    day : Day
        The scheduled day.
    prices : mapping
        Values of the price variables, the tariff of a whole day, the limits, ``shedding_share``.
    rng : numpy.random.Generator
        The feeder's own source of chance.

    Returns
    -------
    Dataset
        Group of kind ``distribution``.
    """
    prices = {**prices, "tariff": prices["tariff"][: day.hours]}
    wind = wind_part(feeder.parks, day, rng)
    coords = wind.pop("coords")
    network, network_coords = _feeder_network(feeder, day)
    stations, sessions = _station_part(feeder, day, prices["tariff"], rng)
    coords.update(network_coords, **{name: sessions[name] for name in ("session",)})
    coords["station"] = np.array([f"E{bus}" for bus in feeder.stations], dtype=object)
    values = {**network, **wind, **stations, **prices}
    attrs = {"root_bus": "1", "base_kv": FEEDER_VOLTAGE_KV, "base_mva": BASE_MVA}
    dataset = group("distribution", values, coords, **attrs)
    return dataset.merge(sessions, combine_attrs="override")


def _feeder_network(feeder: Feeder, day: Day) -> tuple[dict[str, Any], dict[str, Any]]:
    buses, lines = table("bus33"), table("line33")
    peaks = buses["load_active_mw"].to_numpy()
    active = bus_loads(peaks, feeder.load_profiles, feeder.load_level, day)
    ratio = buses["load_reactive_mvar"].to_numpy() / np.where(peaks > 0.0, peaks, 1.0)
    ohm = FEEDER_VOLTAGE_KV**2 / BASE_MVA
    values = {
        "load_active": active,
        "load_reactive": active * ratio[:, None],
        "line_from": lines["from_bus"],
        "line_to": lines["to_bus"],
        "line_resistance": lines["resistance_ohm"].to_numpy() / ohm,
        "line_reactance": lines["reactance_ohm"].to_numpy() / ohm,
        "line_power_limit": _feeder_ratings(lines),
        "root_voltage": feeder.root_voltage,
    }
    coords = {"bus": _labels(buses["bus"]), "line": _labels(lines["line"]), "time": day.time}
    return values, coords


def _feeder_ratings(lines: pd.DataFrame) -> Array:
    """6 MVA on the trunk up to bus 6, 3 MVA beyond on the main, 2.5 MVA on the other branches."""
    end = lines["to_bus"].astype(int).to_numpy()
    return np.where(end <= 6, 6.0, np.where(end <= 18, 3.0, 2.5))


def _station_part(
    feeder: Feeder, day: Day, tariff: Array, rng: np.random.Generator
) -> tuple[dict[str, Any], xr.Dataset]:
    """Envelopes and baseline of the stations.

    The baseline delivers what each driver asks for and only charges. The envelope for regulation
    may discharge, lets a car leave with up to `DEPARTURE_BAND` less than asked for, though never
    emptier than it came, or fuller as far as its battery allows.
    """
    labels = [f"E{bus}" for bus in feeder.stations]
    asked = generate_sessions(rng, labels, day.time, mean_sessions=feeder.mean_sessions)
    prices = xr.DataArray(tariff, dims="time", coords={"time": day.time})
    sessions = _guaranteed(asked)
    made = planned_stations(sessions, day.time, labels, prices)
    values: dict[str, Any] = {str(name): made[name].to_numpy() for name in made.data_vars}
    values["station_bus"] = list(feeder.stations)
    return values, sessions


def _guaranteed(asked: xr.Dataset) -> xr.Dataset:
    """Sessions whose need is the guaranteed energy; what was asked for stands beside it."""
    energy = asked["session_energy"]
    need = (energy - DEPARTURE_BAND).clip(min=0.0).assign_attrs(energy.attrs)
    request = energy.assign_attrs(units="MWh", long_name="energy asked for by departure")
    return asked.assign(session_energy=need, session_request=request)


def _labels(values: pd.Series) -> NDArray[np.object_]:
    return np.asarray(values.astype(str), dtype=object)
