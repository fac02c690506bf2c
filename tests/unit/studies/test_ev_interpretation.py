"""Prices, loading, losses and settlement, computed by hand or by differences."""

import linopy
import numpy as np
import pytest
import xarray as xr
from small_case import make_case

from ambigrid.networks import dc_network, renewable, thermal
from ambigrid.networks.nodal_power import NodalPower
from ambigrid.networks.objective import minimise
from ambigrid.studies.ev_flexibility import EVFlexibility
from ambigrid.studies.ev_interpretation import (
    AgentSolution,
    feeder_injections,
    line_loading,
    losses,
    nodal_prices,
    scheduled_flows,
)
from ambigrid.studies.ev_settlement import Payment, settlement


def schedule(data: xr.Dataset, baseline: xr.DataArray) -> tuple[float, AgentSolution]:
    """Cheapest day-ahead schedule, without reserves and recourse."""
    with linopy.options:
        linopy.options["semantics"] = "v1"
        model = linopy.Model()
        thermal.add_schedule(model, data)
        renewable.add_schedule(model, data)
        at_boundary = xr.zeros_like(data["load"])
        at_boundary.loc["3"] = baseline.sum("distribution")
        devices = (thermal.schedule(model, data), renewable.schedule(model, data))
        power = NodalPower(-data["load"] - at_boundary, devices)
        dc_network.add_balance(model, power)
        dc_network.add_schedule_flow_limits(model, data, power)
        minimise(model, {"segment_power": data["segment_cost"]}, data.attrs["step_hours"])
    model.solve(solver_name="highs", output_flag=False)
    duals = xr.Dataset({name: model.constraints[name].dual for name in model.constraints})
    dispatch = model.solution.assign(
        boundary_reserve_up=baseline * 0 + 1.5, boundary_reserve_down=baseline * 0 + 0.5
    )
    return model.objective.value, AgentSolution(dispatch, duals)


@pytest.fixture(params=[1.0, 0.5])
def study(request) -> EVFlexibility:
    return EVFlexibility(make_case(step_hours=request.param))


def feeder_solution(data: xr.Dataset) -> AgentSolution:
    shape = {"scenario": [0, 1], "time": data["time"]}
    zero = xr.DataArray(np.zeros((2, 3)), shape, tuple(shape))
    stations, units = ({d: data[d]} for d in ("station", "unit"))
    lost = xr.DataArray([1.0, 3.0], {"scenario": [0, 1]}, ("scenario",))
    recourse = xr.Dataset(
        {
            "curtailment": (zero + lost).expand_dims(units),
            "used_renewable": (zero + 0.25).expand_dims(units),
            "shedding": zero.expand_dims(bus=["1", "2"]) + 0.2,
            "adjustment_up": zero.expand_dims(stations) + 0.1,
            "adjustment_down": zero.expand_dims(stations),
            "boundary_violation_up": zero + 0.5,
            "boundary_violation_down": zero,
            "voltage_slack": zero.expand_dims(bus=["2"]).where(zero.time > zero.time[0]),
        }
    )
    dispatch = xr.Dataset(
        {
            **{f"ev_reserve_{w}": data["ev_baseline"] * 0.5 for w in ("up", "down")},
            **{f"boundary_reserve_{w}": data["tariff"] * 0.01 for w in ("up", "down")},
        }
    )
    weight = xr.DataArray([0.75, 0.25], {"scenario": [0, 1]}, ("scenario",))
    return AgentSolution(dispatch, recourse=recourse, weight=weight)


def test_nodal_prices_are_the_cost_of_one_more_megawatt(study):
    data, baseline = study.data("transmission"), study.boundary_baseline()
    cost, solution = schedule(data, baseline)
    prices = nodal_prices(data, solution.duals)
    assert float(prices.max("bus")[1]) > float(prices.min("bus")[1]) + 1.0  # congested
    for bus in ("1", "2", "3"):
        more = data.copy(deep=True)
        more["load"].loc[{"bus": bus, "time": data["time"][1]}] += 1e-3
        # the reference follows the loads, but the optimum does not depend on it
        rise = (schedule(more, baseline)[0] - cost) / 1e-3 / data.attrs["step_hours"]
        assert float(prices.sel(bus=bus)[1]) == pytest.approx(rise, rel=1e-4)


def test_flows_of_the_schedule_respect_limits_and_load_the_congested_line(study):
    data, baseline = study.data("transmission"), study.boundary_baseline()
    _, solution = schedule(data, baseline)
    loading = line_loading(
        scheduled_flows(data, solution.dispatch, baseline), data["line_flow_limit"]
    )
    assert float(loading["line_loading"].max()) == pytest.approx(1.0)
    assert loading["line_loading"].dims == ("line", "time")
    np.testing.assert_allclose(
        loading["line_loading_average"], loading["line_loading"].mean("time")
    )


def test_losses_are_energies_expected_and_worst(study):
    data = study.data("distribution_1")
    hours = data.attrs["step_hours"]
    found = losses(feeder_solution(data), hours)
    assert float(found["expected_curtailment"]) == pytest.approx(3 * 1.5 * hours)
    assert float(found["worst_case_curtailment"]) == pytest.approx(3 * 3.0 * hours)
    assert float(found["expected_boundary_violation"]) == pytest.approx(3 * 0.5 * hours)
    assert float(found["worst_case_network_violation"]) == 0.0  # masked slacks do not count
    assert found["worst_case_network_violation"].attrs["units"] == "MVAh"
    assert found["expected_shedding"].attrs["units"] == "MWh"
    assert "expected_balance_violation" not in found


def test_injections_of_a_recourse():
    data = EVFlexibility(make_case()).data("distribution_1")
    active, reactive = feeder_injections(data, feeder_solution(data).recourse)
    first = {"time": 0, "scenario": 0}
    np.testing.assert_allclose(active.isel(first), [0.0, -(1 - 0.2) - 0.9, -(2 - 0.2) - 0.9 + 0.25])
    np.testing.assert_allclose(reactive.isel(first), [0.0, -0.4, -0.9])


def test_interpretation_has_prices_and_a_settlement_that_sums_to_zero(study):
    transmission, feeder = study.data("transmission"), study.data("distribution_1")
    _, own = schedule(transmission, study.boundary_baseline())
    price = xr.DataArray([4.0, 6.0, 8.0], {"time": feeder["time"]}, ("time",))
    found = study.interpret(
        {"transmission": own, "distribution_1": feeder_solution(feeder)},
        {"distribution_1/boundary_reserve_up": price},
    )
    hours = feeder.attrs["step_hours"]
    np.testing.assert_allclose(found["distribution_1"]["boundary_reserve_up_price"], price / hours)
    table = found["settlement"]["settlement"]
    np.testing.assert_allclose(table.sum("party"), 0.0, atol=1e-9)
    paid = table.sel(transfer="boundary reserve", party="distribution_1")
    assert float(paid) == pytest.approx(1.5 * 18.0)
    regulation = table.sel(transfer="reserve", party="stations of distribution_1")
    assert float(regulation) == pytest.approx(0.5 * 3 * (2 + 3 + 1 + 1.5) * hours)
    deployed = table.sel(transfer="deployment", party="stations of distribution_1")
    assert float(deployed) == pytest.approx(0.1 * 3 * (10 + 12) * hours)
    assert found["transmission"]["radius"] == 10.0
    assert float(found["distribution_1"]["median_sample_distance"]) == pytest.approx(0.3)


def test_interpretation_of_a_run_that_was_cut_short():
    study = EVFlexibility(make_case())
    _, own = schedule(study.data("transmission"), study.boundary_baseline())
    feeder = feeder_solution(study.data("distribution_1"))
    found = study.interpret(
        {
            "transmission": AgentSolution(own.dispatch),
            "distribution_1": AgentSolution(feeder.dispatch),
        }
    )
    assert "nodal_price" not in found["transmission"]
    assert "expected_curtailment" not in found["distribution_1"]
    assert "energy" not in found["settlement"]["transfer"]


def test_settlement_puts_payers_in_the_red():
    table = settlement([Payment("a", "x", "y", 3.0), Payment("a", "x", "z", 1.0)])
    assert table.sel(transfer="a", party=["x", "y", "z"]).to_numpy().tolist() == [-4.0, 3.0, 1.0]
