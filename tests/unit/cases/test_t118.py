"""The 118-bus systems: figures of the source and of the published data, sizes, reproducibility."""

import json

import numpy as np
import pytest
import xarray as xr

from ambigrid.cases import case_hash, list_cases, load_case, scale_case
from ambigrid.cases.t118 import BOUNDARY_BUSES, boundary_buses, feeder
from ambigrid.cases.tables import table
from ambigrid.errors import InputError


@pytest.fixture(scope="module")
def case() -> xr.DataTree:
    return load_case("t118d10")


@pytest.fixture(scope="module")
def small() -> xr.DataTree:
    return scale_case(distributions=2)


def feeders(case: xr.DataTree) -> list[xr.Dataset]:
    return [child.to_dataset() for name, child in case.children.items() if name != "transmission"]


def test_it_is_listed():
    title = list_cases()["t118d10"]
    assert "10 33-bus feeders" in title
    assert "t118d1 … t118d100" in title


def test_every_size_has_a_name(small):
    named = load_case("t118d2")
    assert case_hash(named) == case_hash(small)
    assert named.attrs["name"] == "t118d2"
    fewer = load_case("t118d1", scenarios=2, seed=3)
    assert len(feeders(fewer)) == 1
    again = load_case("t118d1", **json.loads(fewer.attrs["built_with"]))
    assert case_hash(again) == case_hash(fewer)


@pytest.mark.parametrize("feeders", [0, 101])
def test_names_of_sizes_outside_their_range(feeders):
    message = f"t118d{feeders}: the number of feeders must lie between 1 and 100; got {feeders}"
    with pytest.raises(InputError, match=message):
        load_case(f"t118d{feeders}")


def test_the_buses_of_the_description(case):
    tso = case["transmission"]
    sizes = {"bus": 118, "line": 186, "generator": 54, "distribution": 10}
    assert {name: tso.sizes[name] for name in sizes} == sizes
    assert list(tso["renewable_bus"].to_numpy()) == ["16", "35", "49", "78", "112"]
    buses = ["18", "32", "34", "40", "55", "70", "74", "77", "92", "112"]
    assert list(tso["boundary_bus"].to_numpy()) == buses
    assert list(case.children) == ["transmission", *(f"distribution_{k}" for k in range(1, 11))]
    stations = [6, 9, 12, 15, 17, 20, 22, 23, 28, 30, 32]
    for data in feeders(case):
        assert (data.sizes["bus"], data.sizes["line"], data.sizes["scenario"]) == (33, 32, 20)
        assert list(data["station_bus"].to_numpy()) == [str(bus) for bus in stations]
        assert list(data["renewable_bus"].to_numpy()) == ["17", "24", "32"]


def test_units_and_ratings_are_the_published_ones(case):
    tso = case["transmission"].to_dataset()
    assert float(tso["power_max"].sum()) == 7220.0
    np.testing.assert_allclose(tso["ramp_up"], 0.5 * tso["power_max"])
    assert float(tso["reserve_max"].sum()) == pytest.approx(7220.0 * 0.5 / 12)
    limits, counts = np.unique(tso["line_flow_limit"], return_counts=True)
    assert dict(zip(limits, counts, strict=True)) == {140.0: 1, 175.0: 143, 200.0: 3, 500.0: 39}
    unit = tso.sel(generator="G10")
    curve = np.polynomial.Polynomial([6.78, 12.8875, 0.010875])
    assert float(unit["no_load_cost"]) == pytest.approx(curve(30.0))
    dearest = unit["no_load_cost"] + (unit["segment_cost"] * unit["segment_power"]).sum()
    assert float(dearest) == pytest.approx(curve(300.0))


def test_a_feeder_stands_for_a_part_of_the_load_at_its_bus(case, small):
    buses = table("bus118").set_index("bus")["load_active_mw"]
    share = case["transmission/load"].max("time") / small["transmission/load"].max("time")
    assert float(share.sel(bus="74")) == pytest.approx((68.0 - 3.715) / 68.0, rel=5e-3)
    peak = float(case["transmission/load"].sum("bus").max())
    assert peak == pytest.approx(buses.sum() - 37.15)
    below = sum(float(data["load_active"].sum()) for data in feeders(case))
    assert below < 0.02 * float(case["transmission/load"].sum())


def test_feeders_differ(case):
    data = feeders(case)
    for name in ("renewable_forecast", "renewable_samples", "load_active", "ev_power_max"):
        assert len({d[name].to_numpy().tobytes() for d in data}) == len(data)
    levels = [feeder(k, "18").load_level for k in range(1, 11)]
    assert (min(levels), max(levels), len(set(levels))) == (0.50, 0.59, 10)


def test_a_hundred_feeders_differ():
    described = [feeder(k, "18") for k in range(1, 101)]
    assert len({tuple(park.profile for park in f.parks) for f in described}) == 100
    assert len({f.load_profiles for f in described}) == 100


def test_boundary_buses_beyond_the_ten():
    load = table("bus118").set_index("bus")["load_active_mw"]
    hundred = boundary_buses(100)
    assert hundred[:10] == BOUNDARY_BUSES
    assert hundred[10:14] == ("59", "116", "90", "80")
    assert len(set(hundred)) == 99
    assert hundred[99] == "18"
    assert np.all(np.diff(load[list(hundred[10:99])]) <= 0.0)


def test_the_same_seed_gives_the_same_case_and_others_differ(small):
    assert case_hash(scale_case(distributions=2, seed=0)) == case_hash(small)
    other = scale_case(distributions=2, seed=1)
    for name in ("transmission", "distribution_1"):
        xr.testing.assert_identical(
            other[name]["renewable_forecast"], small[name]["renewable_forecast"]
        )
        assert not np.allclose(other[name]["renewable_samples"], small[name]["renewable_samples"])
    assert not other["distribution_1/ev_power_max"].equals(small["distribution_1/ev_power_max"])


def test_a_feeder_is_the_same_in_every_size(case, small):
    assert list(small["transmission/boundary_bus"].to_numpy()) == ["18", "32"]
    for name in ("distribution_1", "distribution_2"):
        xr.testing.assert_identical(small[name].to_dataset(), case[name].to_dataset())
    twenty = scale_case(distributions=20, scenarios=5, hours=12)
    assert len(feeders(twenty)) == 20
    assert twenty.attrs["name"] == "t118d20"


def test_ten_feeders_of_the_generator_are_the_built_in_system(case):
    assert case_hash(scale_case(distributions=10)) == case_hash(case)


@pytest.mark.parametrize(("scenarios", "hours"), [(5, 12), (5, 24), (3, 2)])
def test_scenarios_and_hours(small, scenarios, hours):
    shorter = scale_case(distributions=2, scenarios=scenarios, hours=hours)
    for name, child in shorter.children.items():
        assert (child.sizes["scenario"], child.sizes["time"]) == (scenarios, hours)
        first = small[name]["renewable_forecast"].isel(time=slice(hours))
        xr.testing.assert_identical(child["renewable_forecast"], first)
    xr.testing.assert_identical(
        shorter["transmission/load"], small["transmission/load"].isel(time=slice(hours))
    )


def test_wind_penetration(case):
    assert case.attrs["wind_penetration"] == pytest.approx(0.45, abs=0.005)
    richer = load_case("t118d10", wind_penetration=0.7, scenarios=2)
    assert richer.attrs["wind_penetration"] == pytest.approx(0.7)
    assert richer["transmission"].sizes["scenario"] == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"distributions": 0}, "number of feeders must lie between 1 and 100; got 0"),
        ({"distributions": 101}, "number of feeders must lie between 1 and 100; got 101"),
        ({"distributions": 2, "hours": 1}, "t118d2/hours: the number of hours must lie between 2"),
        ({"distributions": 2, "hours": 25}, "hours must lie between 2 and 24; got 25"),
        ({"distributions": 2, "scenarios": 0}, "scenarios must lie between 1 and 100; got 0"),
        ({"distributions": 2, "wind_penetration": 1.5}, r"must lie in \(0, 1\]; got 1.5"),
    ],
)
def test_sizes_outside_their_range(given, message):
    with pytest.raises(InputError, match=message):
        scale_case(**given)


def test_it_says_what_it_assumes(case):
    assert len(case.attrs["assumptions"].splitlines()) >= 15
    assert "Illinois Institute of Technology" in case.attrs["sources"]
    assert "Open Database License" in case.attrs["notice"]
