"""The eliminated networks against pandapower: AC for feeders, DC for the transmission system."""

import numpy as np
import pytest
import xarray as xr

from ambigrid.cases import load_case
from ambigrid.networks import ac_power_flow, dc_network
from ambigrid.studies.ev_flexibility import EVFlexibility
from ambigrid.studies.ev_interpretation import feeder_injections

pandapower = pytest.importorskip("pandapower")


@pytest.fixture(scope="module")
def study() -> EVFlexibility:
    return EVFlexibility(load_case("t30d2"))


@pytest.mark.parametrize("name", ["distribution_1", "distribution_2"])
def test_linear_voltages_over_all_hours_and_scenarios(study, name):
    data = study.data(name)
    recourse = xr.Dataset(
        {"used_renewable": data["renewable_samples"], "shedding": 0 * data["load_active"]}
    )
    voltage = ac_power_flow.compare(data, *feeder_injections(data, recourse))
    assert float(abs(voltage["error"]).max()) <= 0.01
    assert float(voltage["error"].min()) >= -1e-9  # LinDistFlow reads voltages high
    held = voltage["linear"].min("bus") >= 0.95  # elsewhere the recourse has to act first
    assert float(voltage["ac"].where(held).min()) >= 0.945


def test_islands_do_not_touch_each_other(study):
    data = study.data("distribution_1")
    active = -data["load_active"] * xr.DataArray([0.0, 0.5, 1.0], dims="level")
    reactive = -data["load_reactive"] * xr.DataArray([0.0, 0.5, 1.0], dims="level")
    together = ac_power_flow.ac_voltages(data, active, reactive)
    for level in range(3):
        at = {"level": level, "time": 18}
        alone = ac_power_flow.ac_voltages(data, active.isel(at), reactive.isel(at))
        np.testing.assert_allclose(together.isel(at), alone, atol=1e-9)
    np.testing.assert_allclose(together.isel(level=0), data["root_voltage"], atol=1e-9)


def test_the_33_bus_feeder_of_the_literature(study):
    """Full load at root 1.0 falls to 0.913 p.u. at bus 18 (Baran and Wu 1989)."""
    data = study.data("distribution_1").assign(root_voltage=1.0)
    net = pandapower.networks.case33bw()
    at = [str(bus + 1) for bus in net.load["bus"]]
    active, reactive = (
        xr.DataArray(-net.load[q].to_numpy(), {"bus": at}, ("bus",)).reindex(
            bus=data["bus"], fill_value=0.0
        )
        for q in ("p_mw", "q_mvar")
    )
    pandapower.runpp(net, numba=False)
    ours = ac_power_flow.ac_voltages(data, active, reactive).sel(
        bus=[str(bus + 1) for bus in net.bus.index]
    )
    np.testing.assert_allclose(ours, net.res_bus["vm_pu"], atol=1e-4)
    assert float(ours.min()) == pytest.approx(0.913, abs=5e-4)


def test_transfer_factors_give_the_flows_of_a_dc_power_flow(study):
    data = study.data("transmission")
    rng = np.random.default_rng(0)
    fed = rng.normal(0, 20, data.sizes["bus"])
    fed -= fed.mean()
    net = pandapower.create_empty_network(sn_mva=float(data.attrs["base_mva"]))
    pandapower.create_buses(net, len(fed), vn_kv=100.0)
    pandapower.create_ext_grid(net, 0)
    pandapower.create_loads(net, np.arange(len(fed)), p_mw=-fed)
    index = {bus: i for i, bus in enumerate(data["bus"].to_numpy())}
    for line in data["line"].to_numpy():
        row = data.sel(line=line)
        pandapower.create_line_from_parameters(
            net,
            index[row["line_from"].item()],
            index[row["line_to"].item()],
            length_km=1.0,
            r_ohm_per_km=0.0,
            x_ohm_per_km=float(row["line_reactance"]) * 100.0**2 / float(data.attrs["base_mva"]),
            c_nf_per_km=0.0,
            max_i_ka=1.0,
        )
    pandapower.rundcpp(net)
    flow = dc_network.line_flows(data, xr.DataArray(fed, {"bus": data["bus"]}, ("bus",)))
    np.testing.assert_allclose(flow, net.res_line["p_from_mw"], atol=1e-8)
