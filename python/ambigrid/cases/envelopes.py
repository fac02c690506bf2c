"""A station seen as one virtual storage: the Minkowski-sum envelope of its sessions.

Session k plugged in during [a, b] with need E, power in [p_min, p_max], battery room
``capacity - initial`` and plugged-in hours τ_t up to the end of step t bounds its cumulative energy

    E_max,t = min(p_max τ_t, capacity - initial)                              earliest possible
    E_min,t = max(p_min τ_t, -initial, E - p_max (b - a - τ_t))               latest possible

Without V2G the room is E. With V2G a car may leave with more than its need, as far as its battery
has room, which is what regulation by V2G can use. A day-ahead plan should not count on it, for one
car's surplus would stand in for another's need: with ``surplus=False`` every car nets exactly E,

    E_max,t = min(p_max τ_t, capacity - initial, E - p_min (b - a - τ_t)).

A step in which the car is plugged in for half of the time counts with half of the power. The sums
over a station's sessions contain every profile the sessions can follow (an outer approximation:
see :mod:`ambigrid.cases.disaggregation`). Charging losses are not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.cases.sessions import horizon
from ambigrid.errors import InputError

_TOLERANCE = 1e-9  # MWh
_SPLIT_TOLERANCE = 1e-12
_SMOOTHING = 1e-3  # quadratic cost at full power, relative to the dearest hour


def station_envelopes(
    sessions: xr.Dataset,
    time: xr.DataArray | pd.DatetimeIndex,
    *,
    stations: Sequence[str] | None = None,
    surplus: bool = True,
) -> xr.Dataset:
    """Power and cumulative-energy limits of each station.

    Parameters
    ----------
    sessions : Dataset
        As from :func:`~ambigrid.cases.sessions.generate_sessions`, within the horizon.
    time : DataArray or DatetimeIndex
        Starts of the equally long steps.
    stations : sequence of str, optional
        Labels and their order; one without a session gets zeros. Those of the sessions if left out.
    surplus : bool
        Whether a car with V2G may leave with more than its need. Without it the envelope is
        tighter: the one to plan the baseline in.

    Returns
    -------
    Dataset
        Dims (station, time): ``ev_power_min``, ``ev_power_max`` in MW (mean over the step),
        ``ev_energy_min``, ``ev_energy_max`` in MWh, cumulative at the end of the step.

    Raises
    ------
    InputError
        For a session of an unknown station, outside the horizon, or whose need cannot be charged.
    """
    labels = list(dict.fromkeys(sessions["session_station"].to_numpy().astype(str)))
    labels = labels if stations is None else list(stations)
    _check_sessions(sessions, time, labels)
    hours = plugged_hours(sessions, time)
    energy_min, energy_max = session_energy_limits(sessions, hours, surplus)
    lowest, highest = session_power_limits(sessions, hours, step_length(time))
    parts = {
        "ev_power_min": (lowest, "MW", "least station power"),
        "ev_power_max": (highest, "MW", "largest station power"),
        "ev_energy_min": (energy_min, "MWh", "least cumulative energy at the end of the step"),
        "ev_energy_max": (energy_max, "MWh", "largest cumulative energy at the end of the step"),
    }
    position = pd.Index(labels).get_indexer(sessions["session_station"].to_numpy().astype(str))
    coords = {"station": np.array(labels, dtype=object), "time": np.asarray(time)}
    envelopes = xr.Dataset(coords=coords)
    for name, (values, units, long_name) in parts.items():
        sums = np.zeros((len(labels), hours.shape[1]))
        np.add.at(sums, position, values)
        attrs = {"units": units, "long_name": long_name}
        envelopes[name] = (("station", "time"), sums, attrs)
    return envelopes


def planned_stations(
    sessions: xr.Dataset,
    time: xr.DataArray | pd.DatetimeIndex,
    stations: Sequence[str],
    tariff: xr.DataArray,
) -> xr.Dataset:
    """Envelopes of stations with the baseline that is planned in the morning.

    The baseline only charges, as cheaply as the tariff allows, and delivers what each driver asks
    for: a car's battery is left to regulation, and one car's surplus never stands in for another's
    need. The envelopes are those of the sessions as they are, V2G and all.

    Parameters
    ----------
    sessions : Dataset
        As for :func:`station_envelopes`. The baseline delivers ``session_request`` where given,
        else ``session_energy``.
    time : DataArray or DatetimeIndex
        Starts of the equally long steps.
    stations : sequence of str
        Labels and their order.
    tariff : DataArray
        Dim time, in $/MWh.

    Returns
    -------
    Dataset
        As from :func:`station_envelopes`, and ``ev_baseline`` (station, time) in MW.

    Raises
    ------
    InputError
        As those two functions.
    """
    energy = sessions.get("session_request", sessions["session_energy"])
    charging = sessions.assign(
        session_energy=energy,
        session_power_min=0.0 * energy,
        session_capacity=energy,
        session_initial=0.0 * energy,
    )
    planned = station_envelopes(charging, time, stations=stations)
    baseline = baseline_charging(planned, tariff, step_length(time))
    return station_envelopes(sessions, time, stations=stations).assign(ev_baseline=baseline)


def plugged_hours(sessions: xr.Dataset, time: xr.DataArray | pd.DatetimeIndex) -> np.ndarray:
    """Hours for which each session is plugged in during each step, shape (session, time)."""
    starts = pd.DatetimeIndex(np.asarray(time)).to_numpy("datetime64[ns]")
    length = horizon(time)[1].to_datetime64() - starts[-1]
    arrival = sessions["session_arrival"].to_numpy()[:, None]
    departure = sessions["session_departure"].to_numpy()[:, None]
    overlap = np.minimum(departure, starts + length) - np.maximum(arrival, starts)
    hours: np.ndarray = np.maximum(overlap / np.timedelta64(1, "h"), 0.0)
    return hours


def session_power_limits(
    sessions: xr.Dataset, hours: np.ndarray, step_hours: float
) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest mean power of each session and step in MW, shape (session, time)."""
    share = hours / step_hours
    lowest = sessions["session_power_min"].to_numpy()[:, None] * share
    return lowest, sessions["session_power_max"].to_numpy()[:, None] * share


def session_energy_limits(
    sessions: xr.Dataset, hours: np.ndarray, surplus: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest cumulative energy of each session in MWh, shape (session, time)."""
    column = {name: sessions[name].to_numpy()[:, None] for name in sessions.data_vars}
    elapsed = np.cumsum(hours, axis=1)
    remaining = elapsed[:, -1:] - elapsed
    room = column["session_capacity"] - column["session_initial"]
    earliest: np.ndarray = np.minimum(column["session_power_max"] * elapsed, room)
    if not surplus:
        returning = column["session_energy"] - column["session_power_min"] * remaining
        earliest = np.minimum(earliest, returning)
    emptied = np.maximum(column["session_power_min"] * elapsed, -column["session_initial"])
    recovering = column["session_energy"] - column["session_power_max"] * remaining
    latest: np.ndarray = np.minimum(np.maximum(emptied, recovering), earliest)
    return latest, earliest


def step_length(time: xr.DataArray | pd.DatetimeIndex) -> float:
    """Length of a step in hours."""
    start, end = horizon(time)
    return float((end - start) / pd.Timedelta(hours=1)) / np.asarray(time).size


def baseline_charging(
    envelopes: xr.Dataset, tariff: xr.DataArray, step_hours: float
) -> xr.DataArray:
    """Cheapest charging of each station under a tariff, in MW, dims (station, time).

    min Σ_t π_t P_t Δt + ε/2 Σ_t P_t² within the envelope; ε, tiny, spreads the power evenly over
    hours of equal price and so makes the answer unique. The power costs nothing but the tariff, so
    a station with V2G sells in dear hours what it buys in cheap ones.

    Parameters
    ----------
    envelopes : Dataset
        As from :func:`station_envelopes`.
    tariff : DataArray
        Dim time, in $/MWh.
    step_hours : float
        Length of a step in hours.

    Raises
    ------
    InputError
        When no profile fits into a station's envelope.
    """
    price = tariff.transpose("time").to_numpy().astype(float)
    limits = [
        envelopes[name].transpose("station", "time").to_numpy().astype(float)
        for name in ("ev_power_min", "ev_power_max")
    ] + [
        envelopes[name].transpose("station", "time").to_numpy().astype(float) / step_hours
        for name in ("ev_energy_min", "ev_energy_max")
    ]
    power = np.zeros_like(limits[0])
    for row, station in enumerate(envelopes["station"].to_numpy()):
        station_limits = np.array([limit[row] for limit in limits])
        _check_reachable(station_limits * step_hours, str(station), envelopes["time"].to_numpy())
        power[row] = _cheapest_profile(price, station_limits)
    baseline = envelopes["ev_power_max"].transpose("station", "time").copy(data=power)
    return baseline.assign_attrs(units="MW", long_name="baseline charging power")


def _cheapest_profile(price: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Solve one station exactly by divide and conquer.

    Without the cumulative limits the answer is p_t = clip((μ - π_t)/ε). The cumulative limit that
    this breaks most holds with equality at the optimum, which splits the day in two (van der Klauw,
    Gerards, Hurink, "Resource allocation problems in decentralized energy management", OR Spectrum
    39, 2017). `limits` holds p_min, p_max and the cumulative limits over Δt, shape (4, time).
    """
    scale = max(np.abs(limits[:2]).max(), _TOLERANCE)
    curvature = _SMOOTHING * max(np.abs(price).max(), 1e-6) / scale
    profile = np.zeros_like(price)
    pieces: list[tuple[int, int, float, float | None]] = [(0, len(price), 0.0, None)]
    while pieces:
        first, last, start, end = pieces.pop()
        part = slice(first, last)
        target = None if end is None else end - start
        power = _price_response(price[part], curvature, limits[:2, part], target)
        level = start + np.cumsum(power)
        excess = np.maximum(level - limits[3, part], limits[2, part] - level)
        excess = excess if end is None else excess[:-1]  # a given end is met already
        if excess.size == 0 or excess.max() <= _SPLIT_TOLERANCE:
            profile[part] = power
            continue
        worst = int(np.argmax(excess))
        cut = float(np.clip(level[worst], limits[2, first + worst], limits[3, first + worst]))
        pieces.append((first, first + worst + 1, start, cut))
        if first + worst + 1 < last:
            pieces.append((first + worst + 1, last, cut, end))
    return profile


def _price_response(
    price: np.ndarray, curvature: float, power_limits: np.ndarray, total: float | None
) -> np.ndarray:
    """clip((μ - π)/ε) with μ = 0, or with the μ for which it adds up to `total`."""
    lowest, highest = power_limits
    if total is None:
        free: np.ndarray = np.clip(-price / curvature, lowest, highest)
        return free
    kinks = np.sort(np.concatenate([price + curvature * lowest, price + curvature * highest]))
    sums = np.clip((kinks[:, None] - price) / curvature, lowest, highest).sum(axis=1)
    multiplier = np.interp(total, sums, kinks)
    priced: np.ndarray = np.clip((multiplier - price) / curvature, lowest, highest)
    return priced


def _check_reachable(limits: np.ndarray, station: str, time: np.ndarray) -> None:
    """Propagate the interval of reachable cumulative energy through the day; `limits` in MWh."""
    low = high = 0.0
    for step in range(limits.shape[1]):
        lowest, highest, least, largest = limits[:, step]
        low, high = max(low + lowest, least), min(high + highest, largest)
        if low > high + _TOLERANCE:
            raise InputError(
                "no charging profile satisfies the power and energy limits together",
                where=f"ev_energy_min/ev_energy_max, station {station}, time {time[step]}",
                got=f"at least {low:.6g} MWh and at most {high:.6g} MWh",
                fix="check the limits up to this step",
            )


def _check_sessions(
    sessions: xr.Dataset, time: xr.DataArray | pd.DatetimeIndex, labels: list[str]
) -> None:
    start, end = (stamp.to_datetime64() for stamp in horizon(time))
    arrival, departure = sessions["session_arrival"], sessions["session_departure"]
    stay = (departure - arrival) / np.timedelta64(1, "h")
    room = sessions["session_capacity"] - sessions["session_initial"]
    chargeable = np.minimum(stay * sessions["session_power_max"], room)
    unknown = ~np.isin(sessions["session_station"].to_numpy().astype(str), labels)
    faults = [
        ("session_station", unknown, "the session's station does not exist"),
        ("session_departure", (departure <= arrival).to_numpy(), "departs before it arrives"),
        (
            "session_arrival",
            ((arrival < start) | (departure > end)).to_numpy(),
            "the session leaves the horizon",
        ),
        (
            "session_energy",
            (sessions["session_energy"] > chargeable + _TOLERANCE).to_numpy(),
            "the need is more than can be charged between arrival and departure",
        ),
    ]
    for name, broken, what in faults:
        if broken.any():
            label = sessions["session"].to_numpy()[broken.argmax()]
            raise InputError(
                what,
                where=f"{name}, session {label}",
                got=sessions[name].to_numpy()[broken.argmax()],
                fix="correct the session, or cut it with clip_sessions",
            )
