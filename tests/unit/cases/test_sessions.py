"""Sessions, station envelopes, baseline charging, measured sessions."""

import io
from pathlib import Path

import clarabel
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigrid.cases.envelopes import (
    baseline_charging,
    planned_stations,
    plugged_hours,
    session_energy_limits,
    session_power_limits,
    station_envelopes,
    step_length,
)
from ambigrid.cases.measured import stations_from_sessions
from ambigrid.cases.sessions import Battery, clip_sessions, generate_sessions, make_sessions
from ambigrid.errors import InputError

DAY = pd.date_range("2016-07-01", periods=24, freq="h")
STATIONS = ["E6", "E9", "E12"]
MEASURED = Path(__file__).parents[4] / "shared/data/ev/acn_sessions.csv.gz"


def session_table(rows: list[tuple[str, float, float, float]], power: float = 0.01) -> pd.DataFrame:
    """Rows of (station, arrival hour, departure hour, energy MWh)."""
    station, arrival, departure, energy = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "station": station,
            "arrival": DAY[0] + pd.to_timedelta(arrival, unit="h"),
            "departure": DAY[0] + pd.to_timedelta(departure, unit="h"),
            "energy": energy,
            "power": power,
        }
    )


def day_of(seed: int, *, v2g: bool, minutes: int = 60, mean_sessions: float = 12.0) -> tuple:
    time = pd.date_range("2016-07-01", periods=24 * 60 // minutes, freq=f"{minutes}min")
    rng = np.random.default_rng(seed)
    return generate_sessions(rng, STATIONS, time, v2g=v2g, mean_sessions=mean_sessions), time


def test_the_same_seed_gives_the_same_sessions():
    first, _ = day_of(3, v2g=True)
    xr.testing.assert_identical(first, day_of(3, v2g=True)[0])
    assert not first.equals(day_of(4, v2g=True)[0])


@pytest.mark.parametrize("v2g", [True, False])
def test_generated_sessions_can_be_served_within_the_horizon(v2g):
    sessions, _ = day_of(0, v2g=v2g, mean_sessions=80.0)
    stay = (sessions.session_departure - sessions.session_arrival) / np.timedelta64(1, "h")
    assert (sessions.session_arrival >= DAY[0].to_datetime64()).all()
    assert (sessions.session_departure <= (DAY[-1] + pd.Timedelta("1h")).to_datetime64()).all()
    assert (sessions.session_energy <= sessions.session_power_max * stay + 1e-12).all()
    assert (sessions.session_initial >= 0.0).all()
    room = sessions.session_capacity - sessions.session_initial
    assert (sessions.session_energy <= room + 1e-12).all()
    assert ((sessions.session_power_min < 0.0) == v2g).all()


def test_generated_sessions_follow_the_measured_garages():
    """Median need and stay of the measured sessions: 9.5 kWh and 6.4 h."""
    week = pd.date_range("2016-07-01", periods=7 * 24, freq="h")
    sessions = generate_sessions(
        np.random.default_rng(0), ["E6"], week, mean_sessions=2000.0, overnight_share=0.0
    )
    stay = (sessions.session_departure - sessions.session_arrival) / np.timedelta64(1, "h")
    assert float(sessions.session_energy.median()) == pytest.approx(0.0095, rel=0.1)
    assert float(stay.median()) == pytest.approx(6.44, rel=0.1)


def test_overnight_sessions_are_cut_in_proportion():
    table = session_table([("E6", -6.0, 6.0, 0.06)])
    clipped = clip_sessions(make_sessions(table, v2g=True, battery=Battery(0.1, 0.9)), DAY)
    assert clipped.session_arrival.item() == DAY[0].value
    assert clipped.session_energy.item() == pytest.approx(0.03)
    assert clipped.session_initial.item() == pytest.approx(0.03 + 0.03)


def test_envelope_of_one_session_by_hand():
    """Plugged in 1:30 to 4:00 with 10 kW and a need of 12 kWh."""
    sessions = make_sessions(session_table([("E6", 1.5, 4.0, 0.012)]), v2g=False)
    limits = station_envelopes(sessions, DAY).isel(station=0, time=slice(0, 5))
    np.testing.assert_allclose(limits.ev_power_max, [0.0, 0.005, 0.01, 0.01, 0.0])
    np.testing.assert_allclose(limits.ev_energy_max, [0.0, 0.005, 0.012, 0.012, 0.012])
    np.testing.assert_allclose(limits.ev_energy_min, [0.0, 0.0, 0.002, 0.012, 0.012], atol=1e-15)
    assert limits.ev_energy_max.attrs["units"] == "MWh"


def test_envelope_of_one_session_with_v2g_by_hand():
    """Ten kW both ways, need 0, battery 20 kWh holding 15: the surplus is what its room allows."""
    sessions = make_sessions(session_table([("E6", 0.0, 4.0, 0.0)]), v2g=True)
    sessions = sessions.assign(session_capacity=("session", [0.02]))
    sessions = sessions.assign(session_initial=("session", [0.015]))
    wide = station_envelopes(sessions, DAY).isel(station=0, time=slice(0, 4))
    tight = station_envelopes(sessions, DAY, surplus=False).isel(station=0, time=slice(0, 4))
    np.testing.assert_allclose(wide.ev_energy_min, [-0.01, -0.015, -0.01, 0.0], atol=1e-15)
    np.testing.assert_allclose(wide.ev_energy_max, [0.005] * 4)
    np.testing.assert_allclose(tight.ev_energy_max, [0.005, 0.005, 0.005, 0.0], atol=1e-15)


def test_stations_without_sessions_keep_their_place():
    sessions = make_sessions(session_table([("E9", 1.0, 4.0, 0.01)]), v2g=False)
    limits = station_envelopes(sessions, DAY, stations=STATIONS)
    assert list(limits.station.values) == STATIONS
    assert float(limits.sel(station="E6").ev_power_max.max()) == 0.0
    assert float(limits.sel(station="E9").ev_power_max.max()) == pytest.approx(0.01)


def test_the_morning_plan_only_charges_what_is_asked_for():
    """Batteries may discharge and needs may be a guarantee: neither is planned with."""
    sessions, time = day_of(1, v2g=True, minutes=60)
    asked = sessions["session_energy"]
    sessions = sessions.assign(session_energy=0.5 * asked, session_request=asked)
    labels = sorted(set(sessions["session_station"].values))
    made = planned_stations(sessions, time, labels, tariff_of(np.arange(24.0), time))
    envelopes = station_envelopes(sessions, time, stations=labels)
    xr.testing.assert_identical(made.drop_vars("ev_baseline"), envelopes)
    assert float(made["ev_baseline"].min()) >= 0.0
    assert float(made["ev_power_min"].min()) < 0.0
    np.testing.assert_allclose(
        made["ev_baseline"].sum("time"),
        [float(asked[sessions["session_station"] == x].sum()) for x in labels],
    )


@pytest.mark.parametrize("minutes", [15, 30, 120])
def test_the_step_does_not_change_the_energy_at_common_instants(minutes):
    sessions, time = day_of(1, v2g=True, minutes=minutes)
    every = 120 // minutes
    fine = station_envelopes(sessions, time)
    coarse = station_envelopes(sessions, pd.date_range("2016-07-01", periods=12, freq="2h"))
    for name in ("ev_energy_min", "ev_energy_max"):
        at_two_hours = fine[name].transpose("station", "time").values[:, every - 1 :: every]
        np.testing.assert_allclose(at_two_hours, coarse[name].values, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    v2g=st.booleans(),
    surplus=st.booleans(),
    minutes=st.sampled_from([15, 60, 180]),
)
def test_the_envelope_contains_every_schedule_of_the_sessions(seed, v2g, surplus, minutes):
    sessions, time = day_of(seed, v2g=v2g, minutes=minutes)
    limits = station_envelopes(sessions, time, stations=STATIONS, surplus=surplus)
    assert (limits.ev_energy_min <= limits.ev_energy_max).all()
    assert (limits.ev_power_min <= limits.ev_power_max).all()
    if not v2g:
        assert (limits.ev_energy_min.diff("time") >= -1e-12).all()
        assert (limits.ev_energy_max.diff("time") >= -1e-12).all()
    power = random_schedule(np.random.default_rng(seed), sessions, time, surplus)
    total = np.zeros((len(STATIONS), len(time)))
    np.add.at(total, pd.Index(STATIONS).get_indexer(sessions.session_station.values), power)
    energy = np.cumsum(total, axis=1) * step_length(time)
    assert (total <= limits.ev_power_max.values + 1e-9).all()
    assert (total >= limits.ev_power_min.values - 1e-9).all()
    assert (energy <= limits.ev_energy_max.values + 1e-9).all()
    assert (energy >= limits.ev_energy_min.values - 1e-9).all()


def random_schedule(rng, sessions, time, surplus):
    """Walk each session through a day, anywhere its own limits and its need leave it free."""
    step = step_length(time)
    hours = plugged_hours(sessions, time)
    lowest, highest = session_power_limits(sessions, hours, step)
    need = sessions.session_energy.values
    floor = -sessions.session_initial.values
    room = (sessions.session_capacity - sessions.session_initial).values
    energy = np.zeros(len(need))
    power = np.zeros_like(hours)
    for t in range(hours.shape[1]):
        later_up = highest[:, t + 1 :].sum(axis=1) * step
        later_down = lowest[:, t + 1 :].sum(axis=1) * step
        down = np.maximum.reduce([energy + lowest[:, t] * step, floor, need - later_up])
        up = np.minimum(energy + highest[:, t] * step, room)
        up = up if surplus else np.minimum(up, need - later_down)
        reached = down + rng.choice([0.0, 1.0, rng.uniform()], len(need)) * (up - down)
        power[:, t] = (reached - energy) / step
        energy = reached
    return power


def test_the_limits_of_one_session_are_reached():
    sessions, time = day_of(5, v2g=True)
    lowest, highest = session_energy_limits(sessions, plugged_hours(sessions, time))
    np.testing.assert_allclose(lowest[:, -1], sessions.session_energy, atol=1e-12)
    assert (highest[:, -1] >= sessions.session_energy - 1e-12).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"session_energy": 1.0}, "session_energy, session 0: the need is more than can be"),
        ({"session_station": "E1"}, "session_station, session 0: the session's station does not"),
        ({"session_arrival": DAY[-1].to_datetime64()}, "departs before it arrives; got"),
        (
            {"session_departure": np.datetime64("2017-01-01", "ns")},
            "the session leaves the horizon",
        ),
    ],
)
def test_impossible_sessions_are_named(change, sentence):
    sessions = make_sessions(session_table([("E9", 1.0, 4.0, 0.01)]), v2g=False)
    name, value = next(iter(change.items()))
    sessions[name] = ("session", np.array([value], dtype=sessions[name].dtype))
    with pytest.raises(InputError, match=sentence):
        station_envelopes(sessions, DAY, stations=STATIONS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"overnight_share": 1.5}, "must lie in .0, 1.; got 1.5"),
        ({"mean_sessions": -1.0}, "must not be negative; got -1.0"),
    ],
)
def test_impossible_mixtures_are_named(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        generate_sessions(np.random.default_rng(0), STATIONS, DAY, **arguments)


def test_uneven_steps_are_named():
    with pytest.raises(InputError, match="time: the horizon needs at least two steps"):
        generate_sessions(np.random.default_rng(0), STATIONS, DAY[[0, 1, 5]])


def tariff_of(values: np.ndarray, time: pd.DatetimeIndex = DAY) -> xr.DataArray:
    return xr.DataArray(values, dims="time", coords={"time": time})


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), v2g=st.booleans(), minutes=st.sampled_from([30, 60]))
def test_the_baseline_is_the_cheapest_profile_of_its_envelope(seed, v2g, minutes):
    """The divide-and-conquer answer against an interior-point solver."""
    sessions, time = day_of(seed, v2g=v2g, minutes=minutes)
    rng = np.random.default_rng(seed)
    tariff = tariff_of(rng.choice([20.0, 60.0, 60.0, 150.0], len(time)), time)
    limits = station_envelopes(sessions, time, stations=STATIONS, surplus=bool(seed % 2))
    step = step_length(time)
    baseline = baseline_charging(limits, tariff, step)
    energy = baseline.cumsum("time") * step
    assert (baseline <= limits.ev_power_max).all()
    assert (baseline >= limits.ev_power_min).all()
    assert (energy <= limits.ev_energy_max + 1e-9).all()
    assert (energy >= limits.ev_energy_min - 1e-9).all()
    for station in STATIONS:
        at_station = limits.sel(station=station)
        least = interior_point_cost(at_station, tariff.values, step)
        cost = float((baseline.sel(station=station) * tariff).sum()) * step
        spread = 2e-3 * 150.0 * float(at_station.ev_power_max.sum()) * step
        assert least - 1e-6 <= cost <= least + spread


def interior_point_cost(limits: xr.Dataset, price: np.ndarray, step: float) -> float:
    length = len(price)
    cumulative = np.tril(np.full((length, length), step))
    rows = np.vstack([np.eye(length), -np.eye(length), cumulative, -cumulative])
    right = np.concatenate(
        [
            limits.ev_power_max,
            -limits.ev_power_min,
            limits.ev_energy_max,
            -limits.ev_energy_min,
        ]
    )
    options = clarabel.DefaultSettings()
    options.verbose = False
    solver = clarabel.DefaultSolver(
        sp.csc_matrix((length, length)),
        price * step,
        sp.csc_matrix(rows),
        right + 1e-9,
        [clarabel.NonnegativeConeT(4 * length)],
        options,
    )
    return float(solver.solve().obj_val)


def test_the_baseline_spreads_over_hours_of_equal_price():
    sessions = make_sessions(session_table([("E6", 0.0, 4.0, 0.01)]), v2g=False)
    limits = station_envelopes(sessions, DAY)
    flat = baseline_charging(limits, tariff_of(np.full(24, 50.0)), 1.0)
    np.testing.assert_allclose(flat.values[0, :5], [0.0025] * 4 + [0.0], atol=1e-12)


def test_an_empty_envelope_names_station_and_hour():
    sessions = make_sessions(session_table([("E6", 0.0, 4.0, 0.01)]), v2g=False)
    limits = station_envelopes(sessions, DAY)
    limits["ev_energy_min"][0, 2] = 1.0
    with pytest.raises(InputError, match=r"station E6, time 2016-07-01T02.*no charging profile"):
        baseline_charging(limits, tariff_of(np.full(24, 50.0)), 1.0)


CSV = """charger,in,out,kWh
a,2020-03-01 08:00:00,2020-03-01 12:00:00,10
b,2020-03-01 09:00:00,2020-03-01 10:00:00,20
b,2020-03-02 09:00:00,2020-03-02 10:00:00,1
"""
NAMES = {"station": "charger", "arrival": "in", "departure": "out", "energy": "kWh"}


def test_measured_sessions_with_other_names_gzipped_and_clipped(tmp_path):
    path = tmp_path / "sessions.csv.gz"
    pd.read_csv(io.StringIO(CSV)).to_csv(path, index=False)
    with pytest.warns(UserWarning, match="1 of 2 sessions need more than can be charged"):
        stations = stations_from_sessions(path, day="2020-03-01", columns=NAMES, power_max=0.01)
    assert list(stations.station.values) == ["a", "b"]
    assert stations.attrs["clipped_sessions"] == 1
    assert stations.attrs["clipped_energy"] == pytest.approx(0.01)
    np.testing.assert_allclose(stations.session_energy, [0.01, 0.01])
    np.testing.assert_allclose(stations.ev_energy_min.isel(time=-1), [0.01, 0.01])


def test_measured_chargers_are_dealt_out_and_moved_to_the_horizon(tmp_path):
    path = tmp_path / "sessions.csv"
    path.write_text(CSV)
    quarters = pd.date_range("2016-07-01", periods=96, freq="15min")
    dealt = stations_from_sessions(
        path, day="2020-03-02", columns=NAMES, stations=["E6", "E9"], time=quarters, v2g=True
    )
    assert list(dealt.session_station.values) == ["E9"]
    assert dealt.session_arrival.values[0] == np.datetime64("2016-07-01T09:00")
    assert dealt.ev_power_min.shape == (2, 96)
    named = stations_from_sessions(path, day="2020-03-02", columns=NAMES, stations={"b": "X"})
    assert list(named.station.values) == ["X"]


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (CSV.replace("kWh", "energy"), {}, "lack the columns kWh; got the columns charger, in"),
        (CSV.replace("12:00:00", "07:00:00"), {}, "row 2 of the file, station a: departs before"),
        (CSV.replace("12:00:00", "noon"), {}, "row 2 .*the departure is not a time"),
        (CSV.replace("00,20\n", "00,-3\n"), {}, "energy in MWh, row 3 .*at least 0; got -0.003"),
        (CSV, {"day": "2021-01-01"}, "no session falls into the measured day; got 2021-01-01"),
        (CSV, {"stations": {"z": "E6"}}, "chargers that are not in the file; got z"),
        (CSV, {"day": None}, "neither a day nor a horizon"),
    ],
)
def test_measured_sessions_that_cannot_be_used_are_named(tmp_path, text, arguments, sentence):
    path = tmp_path / "sessions.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        stations_from_sessions(path, **{"day": "2020-03-01", "columns": NAMES, **arguments})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.csv: the sessions cannot be read"):
        stations_from_sessions(tmp_path / "none.csv", day="2020-03-01")


@pytest.mark.skipif(not MEASURED.exists(), reason="the measured ACN sessions are not at hand")
@pytest.mark.filterwarnings("ignore:.*need more than can be charged")
@pytest.mark.parametrize("v2g", [True, False])
def test_stations_from_the_measured_garages(v2g):
    """A weekday of both garages on eleven stations: 109 sessions, about 1.2 MWh."""
    labels = [f"E{bus}" for bus in (6, 9, 12, 15, 17, 20, 22, 23, 28, 30, 32)]
    stations = stations_from_sessions(MEASURED, day="2019-06-05", stations=labels, v2g=v2g)
    assert list(stations.station.values) == labels
    assert stations.sizes["session"] == 109
    assert stations.attrs["clipped_sessions"] <= 5
    assert 0.4 < float(stations.ev_power_max.sum("station").max()) < 0.6
    baseline = baseline_charging(stations, tariff_of(np.full(24, 50.0), DAY), 1.0)
    assert float(baseline.sum()) == pytest.approx(float(stations.session_energy.sum()))
