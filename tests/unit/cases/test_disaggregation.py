"""A station's profile given back to its sessions."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigrid.cases.disaggregation import Disaggregation, disaggregate
from ambigrid.cases.envelopes import (
    baseline_charging,
    plugged_hours,
    session_power_limits,
    station_envelopes,
    step_length,
)
from ambigrid.cases.sessions import generate_sessions, make_sessions
from ambigrid.errors import InputError

DAY = pd.date_range("2016-07-01", periods=24, freq="h")


def table(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    """Rows of (arrival hour, departure hour, energy MWh) at station E6 with 10 kW chargers."""
    arrival, departure, energy = (np.array(column) for column in zip(*rows, strict=True))
    return pd.DataFrame(
        {
            "station": "E6",
            "arrival": DAY[0] + pd.to_timedelta(arrival, unit="h"),
            "departure": DAY[0] + pd.to_timedelta(departure, unit="h"),
            "energy": energy,
            "power": 0.01,
        }
    )


def profile_of(values: list[float]) -> xr.DataArray:
    padded = np.zeros((1, 24))
    padded[0, : len(values)] = values
    return xr.DataArray(padded, dims=("station", "time"), coords={"station": ["E6"], "time": DAY})


@pytest.mark.parametrize("v2g", [True, False])
def test_a_baseline_of_few_sessions_is_served_exactly(v2g):
    sessions = make_sessions(table([(0, 4, 0.02), (2, 9, 0.03), (5.5, 12, 0.01)]), v2g=v2g)
    tariff = xr.DataArray(np.where(DAY.hour < 3, 80.0, 40.0), dims="time", coords={"time": DAY})
    limits = station_envelopes(sessions, DAY, surplus=False)
    served = disaggregate(baseline_charging(limits, tariff, 1.0), sessions)
    assert float(served.session_unserved.sum()) == pytest.approx(0.0, abs=1e-9)
    assert float(abs(served.station_deviation).max()) == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(served.session_power.sum("time"), sessions.session_energy, atol=1e-9)


def test_a_profile_in_the_envelope_that_the_sessions_cannot_follow():
    """Two cars for four hours, needs 10 and 30 kWh, at 10 kW each: 20, 0, 0, 20 kW.

    The sums allow it. But 20 kW in an hour takes both cars, and the first needs only one hour.
    """
    sessions = make_sessions(table([(0, 4, 0.01), (0, 4, 0.03)]), v2g=False)
    profile = profile_of([0.02, 0.0, 0.0, 0.02])
    limits = station_envelopes(sessions, DAY)
    energy = profile.cumsum("time")
    assert (profile <= limits.ev_power_max + 1e-12).all()
    assert (energy <= limits.ev_energy_max + 1e-12).all()
    assert (energy >= limits.ev_energy_min - 1e-12).all()
    served = disaggregate(profile, sessions)
    np.testing.assert_allclose(served.session_unserved, [0.0, 0.01], atol=1e-9)
    assert float(abs(served.station_deviation).sum()) == pytest.approx(0.01, abs=1e-9)


def test_the_profile_comes_before_the_needs():
    """A station told to stay idle leaves its car without energy, and says so."""
    sessions = make_sessions(table([(0, 4, 0.01)]), v2g=False)
    served = disaggregate(profile_of([0.0]), sessions)
    assert float(abs(served.station_deviation).max()) == 0.0
    np.testing.assert_allclose(served.session_unserved, [0.01])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), v2g=st.booleans(), minutes=st.sampled_from([30, 60]))
def test_no_session_is_driven_beyond_its_own_limits(seed, v2g, minutes):
    """Whatever the profile, and the balance of profile, sessions and deviation closes."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2016-07-01", periods=24 * 60 // minutes, freq=f"{minutes}min")
    sessions = generate_sessions(rng, ["E6", "E9"], time, v2g=v2g, mean_sessions=6.0)
    profile = xr.DataArray(
        rng.normal(0.0, 0.05, (2, len(time))),
        dims=("station", "time"),
        coords={"station": ["E6", "E9"], "time": time},
    )
    served = disaggregate(profile, sessions)
    step = step_length(time)
    lowest, highest = session_power_limits(sessions, plugged_hours(sessions, time), step)
    power = served.session_power.values
    energy = np.cumsum(power, axis=1) * step
    room = (sessions.session_capacity - sessions.session_initial).values[:, None]
    assert (power >= lowest).all()
    assert (power <= highest).all()
    assert (energy <= room + 1e-7).all()
    assert (energy >= -sessions.session_initial.values[:, None] - 1e-7).all()
    missing = sessions.session_energy.values - energy[:, -1]
    assert (missing <= served.session_unserved.values + 1e-7).all()
    taken = served.session_power.groupby(sessions.session_station).sum("session")
    taken = taken.rename(session_station="station").reindex(station=["E6", "E9"], fill_value=0.0)
    np.testing.assert_allclose(
        taken.transpose("station", "time") + served.station_deviation, profile, atol=1e-9
    )


def test_a_session_without_a_profile_is_named():
    sessions = make_sessions(table([(0, 4, 0.02)]), v2g=False)
    with pytest.raises(InputError, match="session 0: the session's station has no profile; got E6"):
        disaggregate(profile_of([0.0]).assign_coords(station=["E9"]), sessions)


def test_a_profile_with_a_hole_is_named():
    sessions = make_sessions(table([(0, 4, 0.02)]), v2g=False)
    with pytest.raises(
        InputError, match=r"station E6, time 2016-07-01T01.*must be finite; got nan"
    ):
        disaggregate(profile_of([0.0, np.nan]), sessions)


def test_one_profile_after_the_other_is_as_each_alone():
    """Programs stay in the solver; what they were asked before does not show."""
    random = np.random.default_rng(5)
    sessions = generate_sessions(random, ["E6", "E9"], DAY, mean_sessions=12)
    limits = station_envelopes(sessions, DAY, stations=["E6", "E9"])
    width = limits["ev_power_max"] - limits["ev_power_min"]
    profiles = [limits["ev_power_min"] + random.uniform(0, 1) * width for _ in range(4)]
    programs = Disaggregation(sessions, ["E6", "E9"], DAY)
    for profile in [*profiles, profiles[0]]:
        alone, after = disaggregate(profile, sessions), programs.assign(profile)
        for name in ("session_unserved", "station_deviation"):
            total = [abs(found[name]).sum() for found in (alone, after)]
            assert float(total[0]) == pytest.approx(float(total[1]), abs=1e-9)
    assert float(abs(after["station_deviation"]).sum()) > 0.01


def test_a_session_never_plugged_in_is_unserved():
    sessions = make_sessions(table([(0, 4, 0.02), (1, 2, 0.01)]), v2g=False)
    sessions["session_power_max"] = ("session", [0.01, 0.0])
    served = disaggregate(profile_of([0.01, 0.01]), sessions)
    np.testing.assert_allclose(served.session_unserved, [0.0, 0.01], atol=1e-9)


def test_profiles_of_other_stations_are_refused():
    sessions = make_sessions(table([(0, 4, 0.02)]), v2g=False)
    with pytest.raises(InputError, match="not that of the stations whose sessions are known; got"):
        Disaggregation(sessions, ["E9", "E6"], DAY).assign(profile_of([0.0]))
