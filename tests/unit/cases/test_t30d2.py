"""The built-in system: sizes, figures of its description, reproducibility."""

import time

import numpy as np
import pytest
import xarray as xr

from ambigrid.cases import case_hash, list_cases, load_case
from ambigrid.errors import InputError

FEEDERS = ("distribution_1", "distribution_2")


@pytest.fixture(scope="module")
def case() -> xr.DataTree:
    return load_case("t30d2")


def test_it_is_listed():
    assert "t30d2" in list_cases()


def test_the_figures_of_the_description(case):
    tso = case["transmission"]
    assert float(tso["power_max"].sum()) == 190.0
    assert list(tso["generator_bus"].to_numpy()) == ["1", "2", "27"]
    assert list(tso["renewable_bus"].to_numpy()) == ["7", "11", "14"]
    assert float(tso["renewable_capacity"].sum()) == pytest.approx(122.0)
    assert list(tso["boundary_bus"].to_numpy()) == ["15", "23"]
    assert tso.sizes["bus"] == 30
    assert tso.sizes["line"] == 41
    for name in FEEDERS:
        feeder = case[name]
        assert feeder.sizes["bus"] == 33
        assert feeder.sizes["line"] == 32
        assert list(feeder["renewable_bus"].to_numpy()) == ["17", "24", "32"]
        assert float(feeder["renewable_capacity"].sum()) == pytest.approx(3.14)
        buses = [6, 9, 12, 15, 17, 20, 22, 23, 28, 30, 32]
        assert list(feeder["station_bus"].to_numpy()) == [str(bus) for bus in buses]


def test_the_feeders_stand_in_the_place_of_the_load_at_their_bus(case):
    load = case["transmission/load"]
    assert float(load.sel(bus=["15", "23"]).sum()) == 0.0
    assert float(load.sum()) > 0.0


def test_scenarios_and_held_out_days(case):
    for name in ("transmission", *FEEDERS):
        data = case[name]
        assert data.sizes["scenario"] == 20
        assert data.sizes["day"] >= 100
        assert float(data["weight"].sum()) == pytest.approx(1.0)
        error = (data["renewable_held_out"] - data["renewable_forecast"]) / data[
            "renewable_capacity"
        ]
        assert np.all((error.std(["day", "time"]) > 0.09) & (error.std(["day", "time"]) < 0.16))
        assert np.all(abs(error.mean(["day", "time"])) < 0.03)


def test_scenarios_are_not_held_out_days(case):
    data = case["transmission"].to_dataset()
    distance = abs(data["renewable_samples"] - data["renewable_held_out"]).max(["unit", "time"])
    assert float(distance.min()) > 0.0


def test_wind_penetration():
    assert load_case("t30d2").attrs["wind_penetration"] == pytest.approx(0.45, abs=0.01)
    case = load_case("t30d2", wind_penetration=0.7)
    wind = sum(float(case[name]["renewable_forecast"].sum()) for name in case.children)
    load = float(case["transmission/load"].sum()) + sum(
        float(case[name][variable].sum())
        for name in FEEDERS
        for variable in ("load_active", "ev_baseline")
    )
    assert wind / load == pytest.approx(0.7)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_wind_penetration_outside_its_range(share):
    with pytest.raises(InputError, match=r"the wind penetration must lie in \(0, 1\]; got"):
        load_case("t30d2", wind_penetration=share)


def test_number_of_scenarios(case):
    assert load_case("t30d2", scenarios=5)["transmission"].sizes["scenario"] == 5
    assert case_hash(load_case("t30d2", scenarios=20)) == case_hash(case)


@pytest.mark.parametrize("scenarios", [0, 101])
def test_number_of_scenarios_outside_its_range(scenarios):
    with pytest.raises(InputError, match="scenarios must lie between 1 and 100; got"):
        load_case("t30d2", scenarios=scenarios)


def test_the_same_seed_gives_the_same_case_and_others_differ(case):
    assert case_hash(load_case("t30d2", seed=0)) == case_hash(case)
    others = [load_case("t30d2", seed=seed) for seed in (1, 2)]
    assert len({case_hash(tree) for tree in (case, *others)}) == 3
    for other in others:
        xr.testing.assert_identical(
            other["transmission/renewable_forecast"], case["transmission/renewable_forecast"]
        )
        assert not np.allclose(
            other["transmission/renewable_samples"], case["transmission/renewable_samples"]
        )


def test_the_baseline_delivers_what_was_asked_for(case):
    for name in FEEDERS:
        feeder = case[name]
        asked = float(feeder["session_request"].sum())
        assert float(feeder["ev_baseline"].sum()) == pytest.approx(asked, rel=1e-6)
        assert float(feeder["session_energy"].sum()) < asked
        assert float(feeder["ev_baseline"].min()) >= -1e-9


def test_it_says_what_it_assumes_and_carries_the_notice(case):
    assert len(case.attrs["assumptions"].splitlines()) >= 15
    assert "Open Database License" in case.attrs["notice"]
    assert "SimBench" in case.attrs["sources"]


def test_it_is_built_quickly():
    start = time.perf_counter()
    load_case("t30d2", seed=5)
    assert time.perf_counter() - start < 4.0
