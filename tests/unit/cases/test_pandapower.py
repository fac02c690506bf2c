"""Networks from pandapower, and a whole case from them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ambigrid.cases.assemble import case_from_networks
from ambigrid.cases.pandapower import from_pandapower
from ambigrid.cases.sessions import generate_sessions
from ambigrid.errors import InputError

pp = pytest.importorskip("pandapower")
networks = pytest.importorskip("pandapower.networks")

pytestmark = pytest.mark.filterwarnings("ignore")
TIME = pd.date_range("2016-07-01", periods=24, freq="h", unit="ns")
PROFILE = xr.DataArray(np.linspace(1.0, 0.5, 24), dims="time", coords={"time": TIME})


def from_one(index: int) -> str:
    return str(index + 1)


def dc_flows(group: xr.Dataset, injection: dict[str, float]) -> np.ndarray:
    """Line flows in MW by angles, from the group's own figures."""
    buses = list(group.bus.values)
    ends = [(buses.index(a), buses.index(b)) for a, b in zip(*line_ends(group), strict=True)]
    incidence = np.zeros((len(ends), len(buses)))
    for row, (start, end) in enumerate(ends):
        incidence[row, start], incidence[row, end] = 1.0, -1.0
    weighted = incidence / group.line_reactance.values[:, None]
    net = np.array([injection.get(bus, 0.0) for bus in buses]) - group["load"].values[:, 0]
    angles = np.linalg.lstsq(incidence.T @ weighted, net, rcond=None)[0]
    return weighted @ angles


def line_ends(group: xr.Dataset) -> tuple[list[str], list[str]]:
    return list(group.line_from.values), list(group.line_to.values)


@pytest.mark.parametrize("case", ["case30", "case_ieee30", "case39"])
def test_flows_are_those_of_pandapowers_dc_power_flow(case):
    """Transformers with taps, shunts and both kinds of units included."""
    net = getattr(networks, case)()
    group = from_pandapower(net, "transmission", PROFILE)
    pp.rundcpp(net, numba=False)
    injection: dict[str, float] = {}
    for table in ("gen", "ext_grid"):
        for bus, power in zip(net[table].bus, net[f"res_{table}"].p_mw, strict=True):
            injection[str(bus)] = injection.get(str(bus), 0.0) + power
    expected = np.concatenate([net.res_line.p_from_mw, net.res_trafo.p_hv_mw])
    np.testing.assert_allclose(dc_flows(group, injection), expected, atol=1e-8)


def test_units_of_case30():
    """Costs of Alsac and Stott as in the case: 2 P + 0.02 P² up to 80 MW at bus 1."""
    group = from_pandapower(networks.case30(), "transmission", PROFILE, segments=4)
    np.testing.assert_allclose(group.segment_power.sel(generator="X0"), 20.0)
    np.testing.assert_allclose(group.segment_cost.sel(generator="X0"), [2.4, 3.2, 4.0, 4.8])
    assert group.generator_bus.sel(generator="X0").item() == "0"
    assert group["load"].dims == ("bus", "time")
    np.testing.assert_allclose(group["load"].sum("bus").values[[0, -1]], [189.2, 94.6])


def test_the_33_bus_feeder():
    """Baran and Wu: 0.0922 + 0.0470 ohm in the first line at 12.66 kV, 3.715 MW, 2.3 MVAr."""
    feeder = from_pandapower(
        networks.case33bw(), "distribution", PROFILE, base_mva=10.0, bus_label=from_one
    )
    assert feeder.attrs["root_bus"] == "1"
    assert feeder.sizes["line"] == 32
    first = feeder.sel(line="L0")
    assert first.line_resistance.item() == pytest.approx(0.0922 / 16.02756)
    assert first.line_reactance.item() == pytest.approx(0.0470 / 16.02756)
    assert float(feeder.load_active.sum("bus")[0]) == pytest.approx(3.715)
    assert float(feeder.load_reactive.sum("bus")[0]) == pytest.approx(2.3)
    assert (feeder.line_power_limit > 40.0).all()


def small_feeder(**line) -> "pp.pandapowerNet":
    """Root 0, a bus-bus switch to 1, lines 1-2 and (drawn backwards) 3-2."""
    net = pp.create_empty_network("small")
    for _ in range(4):
        pp.create_bus(net, vn_kv=20.0)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    pp.create_switch(net, 0, 1, et="b", closed=True)
    values = {"r_ohm_per_km": 0.4, "x_ohm_per_km": 0.2, "c_nf_per_km": 0.0, "max_i_ka": 0.1, **line}
    pp.create_line_from_parameters(net, 1, 2, length_km=2.0, **values)
    pp.create_line_from_parameters(net, 3, 2, length_km=1.0, parallel=2, **values)
    pp.create_load(net, 3, p_mw=0.5, q_mvar=0.1, scaling=0.8)
    pp.create_sgen(net, 2, p_mw=0.3)
    return net


def test_switches_parallel_lines_and_orientation():
    feeder = from_pandapower(small_feeder(), "distribution", PROFILE)
    assert list(feeder.bus.values) == ["0", "2", "3"]
    assert line_ends(feeder) == (["0", "2"], ["2", "3"])
    np.testing.assert_allclose(feeder.line_resistance, [0.2, 0.05])
    np.testing.assert_allclose(feeder.line_power_limit, np.sqrt(3) * 20 * np.array([0.1, 0.2]))
    assert feeder.root_voltage.item() == 1.02
    assert float(feeder.load_active.sel(bus="3")[0]) == pytest.approx(0.4)
    assert feeder.renewable_bus.sel(unit="W0").item() == "2"


def test_piecewise_linear_costs():
    net = small_feeder()
    net.sgen["in_service"] = False
    pp.create_gen(net, 2, p_mw=10.0, min_p_mw=5.0, max_p_mw=30.0)
    pp.create_pwl_cost(net, 0, "gen", [[0, 10, 20.0], [10, 30, 25.0]])
    net.ext_grid["in_service"] = False
    group = from_pandapower(net, "transmission", PROFILE).sel(generator="G0")
    np.testing.assert_allclose(group.segment_power, [5.0, 20.0])
    np.testing.assert_allclose(group.segment_cost, [20.0, 25.0])
    assert group.no_load_cost.item() == pytest.approx(100.0)


def open_line(net):
    pp.create_switch(net, 2, 1, et="l", closed=False)


def close_loop(net):
    pp.create_line_from_parameters(net, 0, 3, 1.0, 0.1, 0.1, 0.0, 1.0)


def add_unit(net):
    pp.create_gen(net, 2, p_mw=1.0)


def add_second_grid(net):
    pp.create_ext_grid(net, 3)


def add_impedance(net):
    pp.create_impedance(net, 0, 2, 0.1, 0.1, 100.0)


def make_load_negative(net):
    net.load["p_mw"] = -1.0


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (open_line, "no connection to the root 0; got 3"),
        (close_loop, "branch L2: the feeder is meshed.*got 0 to 3|branch L1: the feeder is meshed"),
        (add_unit, "small, gen 0: a distribution group has no dispatchable units"),
        (add_second_grid, "exactly one external grid in service, at its root; got 2"),
        (add_impedance, "small, impedance 0: elements of the table impedance cannot be read"),
        (make_load_negative, "bus 3: the active load at a bus must not be negative; got -0.8 MW"),
    ],
)
def test_what_a_feeder_cannot_hold_is_named(spoil, sentence):
    net = small_feeder()
    spoil(net)
    with pytest.raises(InputError, match=sentence):
        from_pandapower(net, "distribution", PROFILE)


def without_cost(net):
    net.poly_cost = net.poly_cost.iloc[1:]


def concave(net):
    net.poly_cost["cp2_eur_per_mw2"] = -0.01


def without_limit(net):
    net.gen["max_p_mw"] = np.nan


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_cost, "case30, ext_grid 0: the unit has no cost"),
        (concave, "unit X0: the cost curve must be convex; got slopes"),
        (without_limit, "gen 0, max_p_mw: the unit has no largest power"),
    ],
)
def test_what_a_transmission_group_cannot_hold_is_named(spoil, sentence):
    net = networks.case30()
    net.name = "case30"
    spoil(net)
    with pytest.raises(InputError, match=sentence):
        from_pandapower(net, "transmission", PROFILE)


def test_unknown_kinds_and_profiles_are_named():
    with pytest.raises(InputError, match="kind: the kind of network must be"):
        from_pandapower(small_feeder(), "gas", PROFILE)
    with pytest.raises(InputError, match="load_profile: the load profile must have the dims"):
        from_pandapower(small_feeder(), "distribution", PROFILE.rename(time="hour"))


def parts() -> dict:
    """Arguments of a small whole case: the 30-bus system and one 33-bus feeder."""
    transmission = from_pandapower(networks.case30(), "transmission", PROFILE, bus_label=from_one)
    feeder = from_pandapower(networks.case33bw(), "distribution", 0.6 * PROFILE, bus_label=from_one)
    samples = xr.DataArray(
        np.random.default_rng(0).uniform(5.0, 15.0, (4, 1, 24)),
        dims=("scenario", "unit", "time"),
        coords={"scenario": range(4), "unit": ["W7"], "time": TIME},
    )
    stations = ["E6", "E9"]
    return {
        "transmission": transmission,
        "distribution": {"distribution_1": feeder},
        "values": {
            "transmission": {
                "renewable_bus": {"W7": "7"},
                "renewable_capacity": 20.0,
                "renewable_forecast": samples.mean("scenario"),
                "renewable_samples": samples,
                "boundary_bus": {"distribution_1": "15"},
                "boundary_limit": 5.0,
            },
            "distribution_1": {
                "root_voltage": 1.04,
                "station_bus": {"E6": "6", "E9": "9"},
                "tariff": 50.0,
            },
        },
        "sessions": {
            "distribution_1": generate_sessions(
                np.random.default_rng(0), stations, TIME, mean_sessions=10.0
            )
        },
        "name": "own",
    }


def test_a_whole_case_from_networks():
    case = case_from_networks(**parts())
    assert set(case.children) == {"transmission", "distribution_1"}
    np.testing.assert_allclose(case["transmission"]["weight"], 0.25)
    assert case["transmission"]["boundary_bus"].item() == "15"
    feeder = case["distribution_1"]
    assert feeder["renewable_samples"].shape == (1, 0, 24)
    assert feeder["root_voltage"].item() == 1.04
    energy = feeder["ev_baseline"].cumsum("time")
    assert (energy <= feeder["ev_energy_max"] + 1e-9).all()
    assert (energy >= feeder["ev_energy_min"] - 1e-9).all()
    assert "transmission/curtailment_cost: 100" in case.attrs["assumptions"].split("\n")
    assert case.attrs["step_hours"] == 1.0


@pytest.mark.parametrize(
    ("group", "key", "value", "sentence"),
    [
        ("transmission", "wind", 1.0, "transmission/wind: there is no such variable"),
        ("elsewhere", "tariff", 1.0, "there is no such group; got elsewhere"),
        (
            "transmission",
            "boundary_bus",
            {"distribution_2": "15"},
            "transmission/boundary_bus: the labels of distribution do not fit; got without",
        ),
        ("transmission", "boundary_limit", PROFILE, "transmission/boundary_limit: the dims do not"),
    ],
)
def test_parts_that_do_not_fit_are_named(group, key, value, sentence):
    arguments = parts()
    arguments["values"].setdefault(group, {})[key] = value
    with pytest.raises(InputError, match=sentence):
        case_from_networks(**arguments)


def test_networks_on_another_base_are_named():
    arguments = parts()
    arguments["distribution"]["distribution_1"].attrs["base_mva"] = 10.0
    with pytest.raises(InputError, match="distribution_1, base_mva: all networks of a case have"):
        case_from_networks(**arguments)
