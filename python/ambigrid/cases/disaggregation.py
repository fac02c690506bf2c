"""A station's power profile assigned back to its sessions.

The envelope of :mod:`ambigrid.cases.envelopes` contains every profile the sessions can follow, and
some they cannot: it forgets which car holds the room and which car is plugged in. For each station

    min  Σ_t 10 |d_t| Δt + Σ_k s_k
    s.t. Σ_k p_kt + d_t = P_t                                   profile, d_t the deviation
         p_min,k ≤ p_kt / (share of the step plugged in) ≤ p_max,k
         -initial_k ≤ Σ_τ≤t p_kτ Δt ≤ capacity_k - initial_k
         Σ_t p_kt Δt ≥ E_k - s_k                                need, s_k the unserved energy

so the profile, which the network counts on, comes before the needs.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.optimize import linprog

from ambigrid.cases.envelopes import plugged_hours, session_power_limits, step_length
from ambigrid.errors import InputError, SolverError

_DEVIATION_WEIGHT = 10.0  # per MWh, against 1 per MWh of unserved energy


def disaggregate(profile: xr.DataArray, sessions: xr.Dataset) -> xr.Dataset:
    """Assign each station's power profile to its sessions.

    Parameters
    ----------
    profile : DataArray
        Station power in MW, dims (station, time), `time` the starts of equally long steps.
    sessions : Dataset
        As from :func:`~ambigrid.cases.sessions.generate_sessions`.

    Returns
    -------
    Dataset
        ``session_power`` (session, time) in MW, ``session_unserved`` (session) in MWh and
        ``station_deviation`` (station, time) in MW: the profile minus what its sessions take.

    Raises
    ------
    InputError
        For a session whose station has no profile, or a profile that is not a finite number.
    SolverError
        When the linear program cannot be solved.
    """
    profile = profile.transpose("station", "time")
    stations = profile["station"].to_numpy().astype(str)
    owners = sessions["session_station"].to_numpy().astype(str)
    _check(profile, owners, stations)
    step = step_length(profile["time"])
    hours = plugged_hours(sessions, profile["time"])
    lowest, highest = session_power_limits(sessions, hours, step)
    power = np.zeros_like(hours)
    unserved = np.zeros(len(owners))
    for row, station in enumerate(stations):
        mine = np.flatnonzero(owners == station)
        power[mine], unserved[mine] = _assign(
            profile.to_numpy()[row],
            (lowest[mine], highest[mine]),
            sessions.isel(session=mine),
            step,
        )
    taken = np.array([power[owners == station].sum(axis=0) for station in stations])
    return _labelled(profile, sessions, power, unserved, profile.to_numpy() - taken)


def _assign(
    profile: np.ndarray,
    power_limits: tuple[np.ndarray, np.ndarray],
    sessions: xr.Dataset,
    step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Power (session, time) and unserved energy (session) of one station.

    Columns: power (session, time), cumulative energy (session, time), unserved (session),
    deviation up (time), deviation down (time).
    """
    count, length = power_limits[0].shape
    if count == 0:
        return np.zeros((0, length)), np.zeros(0)
    size = count * length
    identity, steps = sp.identity(size), sp.identity(length)
    difference = sp.kron(sp.identity(count), sp.diags([1.0, -1.0], [0, -1], (length, length)))
    last = sp.csr_matrix(
        (np.ones(count), (range(count), np.arange(1, count + 1) * length - 1)), (count, size)
    )
    follow = sp.hstack([sp.kron(np.ones((1, count)), steps), sp.csr_matrix((length, size + count))])
    equalities = sp.vstack(
        [
            sp.hstack([-step * identity, difference, sp.csr_matrix((size, count + 2 * length))]),
            sp.hstack([follow, steps, -steps]),
        ]
    )
    needs = sp.hstack(
        [
            sp.csr_matrix((count, size)),
            -last,
            -sp.identity(count),
            sp.csr_matrix((count, 2 * length)),
        ]
    )
    answer = linprog(
        np.repeat([0.0, 1.0, _DEVIATION_WEIGHT * step], [2 * size, count, 2 * length]),
        A_ub=needs,
        b_ub=-sessions["session_energy"].to_numpy(),
        A_eq=equalities,
        b_eq=np.concatenate([np.zeros(size), profile]),
        bounds=_bounds(power_limits, sessions),
    )
    if not answer.success:
        station = str(sessions["session_station"].to_numpy()[0])
        raise SolverError(f"disaggregation of station {station}: {answer.message}")
    power = np.clip(answer.x[:size].reshape(count, length), *power_limits)
    return power, np.maximum(answer.x[2 * size : 2 * size + count], 0.0)


def _bounds(power_limits: tuple[np.ndarray, np.ndarray], sessions: xr.Dataset) -> np.ndarray:
    count, length = power_limits[0].shape
    initial = sessions["session_initial"].to_numpy()
    room = sessions["session_capacity"].to_numpy() - initial
    lower = [power_limits[0].ravel(), np.repeat(-initial, length), np.zeros(count + 2 * length)]
    upper = [power_limits[1].ravel(), np.repeat(room, length), np.full(count + 2 * length, np.inf)]
    return np.column_stack([np.concatenate(lower), np.concatenate(upper)])


def _labelled(
    profile: xr.DataArray,
    sessions: xr.Dataset,
    power: np.ndarray,
    unserved: np.ndarray,
    deviation: np.ndarray,
) -> xr.Dataset:
    answer = xr.Dataset(
        {
            "session_power": (("session", "time"), power),
            "session_unserved": ("session", unserved),
            "station_deviation": (("station", "time"), deviation),
        },
        coords={
            "session": sessions["session"].to_numpy(),
            "station": profile["station"].to_numpy(),
            "time": profile["time"].to_numpy(),
        },
    )
    answer["session_power"].attrs = {"units": "MW", "long_name": "power of the session"}
    answer["session_unserved"].attrs = {"units": "MWh", "long_name": "energy not served"}
    answer["station_deviation"].attrs = {
        "units": "MW",
        "long_name": "profile minus the power its sessions take",
    }
    return answer


def _check(profile: xr.DataArray, owners: np.ndarray, stations: np.ndarray) -> None:
    missing = ~np.isin(owners, stations)
    if missing.any():
        raise InputError(
            "the session's station has no profile",
            where=f"disaggregate/profile, session {int(missing.argmax())}",
            got=owners[missing.argmax()],
            fix="give a profile for every station, or leave the session out",
        )
    broken = ~np.isfinite(profile.to_numpy())
    if broken.any():
        row, column = np.argwhere(broken)[0]
        raise InputError(
            "the profile must be finite",
            where=f"disaggregate/profile, station {stations[row]}, "
            f"time {profile['time'].to_numpy()[column]}",
            got=profile.to_numpy()[row, column],
        )
