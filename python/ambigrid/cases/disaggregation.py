"""A station's power profile assigned back to its sessions.

The envelope of :mod:`ambigrid.cases.envelopes` contains every profile the sessions can follow, and
some they cannot: it forgets which car holds the room and which car is plugged in. For each station

    min  Σ_t 10 |d_t| Δt + Σ_k s_k
    s.t. Σ_k p_kt + d_t = P_t                                   profile, d_t the deviation
         p_min,k ≤ p_kt / (share of the step plugged in) ≤ p_max,k
         -initial_k ≤ Σ_τ≤t p_kτ Δt ≤ capacity_k - initial_k
         Σ_t p_kt Δt ≥ E_k - s_k                                need, s_k the unserved energy

so the profile, which the network counts on, comes before the needs. The variables are the energies
e_kt = Σ_τ≤t p_kτ Δt at the end of the steps in which a car is plugged in; power is their change.
From one profile to the next only right-hand sides change, so programs stay in the solver.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xarray as xr

from ambigrid.cases.envelopes import plugged_hours, session_power_limits, step_length
from ambigrid.engines import LinearProgram, PersistentProgram, SolveStatus
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
        As from :meth:`Disaggregation.assign`.

    Raises
    ------
    InputError
        For a session whose station has no profile, or a profile that is not a finite number.
    SolverError
        When the linear program cannot be solved.
    """
    stations = profile["station"].to_numpy().astype(str)
    return Disaggregation(sessions, stations, profile["time"]).assign(profile)


class Disaggregation:
    """The sessions of several stations, ready to take one profile after the other.

    Parameters
    ----------
    sessions : Dataset
        As from :func:`~ambigrid.cases.sessions.generate_sessions`.
    stations : sequence of str
        Labels of the stations that will have a profile.
    time : DataArray or DatetimeIndex
        Starts of the equally long steps.

    Raises
    ------
    InputError
        For a session of another station.
    """

    def __init__(
        self,
        sessions: xr.Dataset,
        stations: Sequence[str] | np.ndarray,
        time: xr.DataArray | pd.DatetimeIndex,
    ) -> None:
        self.sessions, self.stations = sessions, list(map(str, stations))
        owners = sessions["session_station"].to_numpy().astype(str)
        _check_owners(owners, self.stations)
        self.step = step_length(time)
        hours = plugged_hours(sessions, time)
        lowest, highest = session_power_limits(sessions, hours, self.step)
        self.members = [np.flatnonzero(owners == station) for station in self.stations]
        self._programs = [
            _StationProgram(
                sessions.isel(session=mine), lowest[mine] * self.step, highest[mine] * self.step
            )
            for mine in self.members
        ]

    def assign(self, profile: xr.DataArray) -> xr.Dataset:
        """Assign profiles to the sessions.

        Parameters
        ----------
        profile : DataArray
            Power of every station in MW, dims (station, time).

        Returns
        -------
        Dataset
            ``session_power`` (session, time) in MW, ``session_unserved`` (session) in MWh and
            ``station_deviation`` (station, time) in MW: the profile minus what its sessions take.

        Raises
        ------
        InputError
            When a profile is not a finite number.
        SolverError
            When the linear program cannot be solved.
        """
        profile = profile.transpose("station", "time")
        _check_profile(profile, self.stations)
        values = profile.to_numpy()
        count, length = self.sessions.sizes["session"], values.shape[1]
        power, unserved = np.zeros((count, length)), np.zeros(count)
        deviation = values.copy()
        for row, (mine, program) in enumerate(zip(self.members, self._programs, strict=True)):
            energy, unserved[mine] = program.solve(values[row] * self.step, self.stations[row])
            power[mine] = energy / self.step
            deviation[row] -= power[mine].sum(axis=0)
        return _labelled(profile, self.sessions, power, unserved, deviation)


class _StationProgram:
    """The linear program of one station.

    Columns: cumulative energy by session and plugged-in step, unserved energy by session,
    deviation up and down by step; all in MWh. Rows: change of the energy by session and
    plugged-in step, profile by step, need by session.
    """

    def __init__(self, sessions: xr.Dataset, lowest: np.ndarray, highest: np.ndarray) -> None:
        self._lowest, self._highest = lowest, highest
        plugged = highest > lowest
        self._session, self._time = np.nonzero(plugged)
        self._size, (self._count, self._length) = len(self._session), lowest.shape
        if not self._count:
            return
        self._change = self._changes()
        self._solver = PersistentProgram(self._program(sessions, plugged))

    def solve(self, profile: np.ndarray, station: str) -> tuple[np.ndarray, np.ndarray]:
        """Energy taken (session, time) and unserved (session), MWh, for a profile in MWh."""
        energy = np.zeros((self._count, self._length))
        if not self._count:
            return energy, np.zeros(0)
        self._solver.set_row_bounds(self._size + np.arange(self._length), profile, profile)
        solution = self._solver.solve()
        if solution.status is not SolveStatus.OPTIMAL:
            raise SolverError(f"disaggregation of station {station}: {solution.status.value}")
        energy[self._session, self._time] = self._change @ solution.primal[: self._size]
        unserved = solution.primal[self._size : self._size + self._count]
        return np.clip(energy, self._lowest, self._highest), np.maximum(unserved, 0.0)

    def _changes(self) -> sp.csr_array:
        """Matrix from cumulative energies to the energy of every step."""
        same = np.flatnonzero(self._session[1:] == self._session[:-1]) + 1
        rows = np.concatenate([np.arange(self._size), same])
        columns = np.concatenate([np.arange(self._size), same - 1])
        signs = np.concatenate([np.ones(self._size), -np.ones(len(same))])
        return sp.csr_array((signs, (rows, columns)), shape=(self._size, self._size))

    def _program(self, sessions: xr.Dataset, plugged: np.ndarray) -> LinearProgram:
        size, count, length = self._size, self._count, self._length
        steps = sp.eye_array(length)
        by_step = sp.csr_array((np.ones(size), (self._time, np.arange(size))), (length, size))
        last = np.flatnonzero(np.append(self._session[1:] != self._session[:-1], True)[:size])
        final = sp.csr_array((np.ones(len(last)), (self._session[last], last)), (count, size))
        matrix = sp.block_array(
            [
                [self._change, None, None, None],
                [by_step @ self._change, None, steps, -steps],
                [final, sp.eye_array(count), None, None],
            ]
        )
        initial = sessions["session_initial"].to_numpy()
        room = sessions["session_capacity"].to_numpy() - initial
        free, none = np.full(count + 2 * length, np.inf), np.zeros(length)
        return LinearProgram(
            np.repeat([0.0, 1.0, _DEVIATION_WEIGHT], [size, count, 2 * length]),
            np.concatenate([-initial[self._session], np.zeros(count + 2 * length)]),
            np.concatenate([room[self._session], free]),
            sp.csr_array(matrix),
            np.concatenate([self._lowest[plugged], none, sessions["session_energy"].to_numpy()]),
            np.concatenate([self._highest[plugged], none, np.full(count, np.inf)]),
        )


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


def _check_owners(owners: np.ndarray, stations: list[str]) -> None:
    missing = ~np.isin(owners, stations)
    if missing.any():
        raise InputError(
            "the session's station has no profile",
            where=f"disaggregate/profile, session {int(missing.argmax())}",
            got=str(owners[missing.argmax()]),
            fix="give a profile for every station, or leave the session out",
        )


def _check_profile(profile: xr.DataArray, stations: list[str]) -> None:
    if list(profile["station"].to_numpy().astype(str)) != stations:
        raise InputError(
            "the profile is not that of the stations whose sessions are known",
            where="disaggregate/profile, station",
            got=", ".join(map(str, profile["station"].to_numpy())),
            fix="give " + ", ".join(stations),
        )
    broken = ~np.isfinite(profile.to_numpy())
    if broken.any():
        row, column = np.argwhere(broken)[0]
        raise InputError(
            "the profile must be finite",
            where=f"disaggregate/profile, station {stations[row]}, "
            f"time {profile['time'].to_numpy()[column]}",
            got=float(profile.to_numpy()[row, column]),
            fix="give a number for every step",
        )
