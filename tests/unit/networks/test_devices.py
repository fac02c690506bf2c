"""Thermal units, EV stations, boundary and demand: rows computed by hand, steps of any length."""

import linopy
import numpy as np
import pytest
import xarray as xr

from ambigrid.networks import boundary, demand, ev_station, thermal
from ambigrid.networks.arrays import at_bus
from ambigrid.networks.nodal_power import NodalPower
from ambigrid.networks.objective import cost, minimise

QUARTERS = np.datetime64("2030-01-01T00:00", "ns") + np.arange(4) * np.timedelta64(15, "m")


@pytest.fixture(autouse=True)
def _v1():
    with linopy.options:
        linopy.options["semantics"] = "v1"
        yield


def unit() -> xr.Dataset:
    return xr.Dataset(
        {
            "generator_bus": ("generator", ["1"]),
            "power_min": ("generator", [10.0]),
            "power_max": ("generator", [50.0]),
            "ramp_up": ("generator", [40.0]),
            "ramp_down": ("generator", [400.0]),
            "reserve_max": ("generator", [6.0]),
            "segment_power": (("generator", "segment"), [[20.0, 20.0]]),
            "segment_cost": (("generator", "segment"), [[10.0, 20.0]]),
            "no_load_cost": ("generator", [80.0]),
        },
        coords={"generator": ["G1"], "segment": [1, 2], "time": QUARTERS},
        attrs={"step_hours": 0.25},
    )


def station() -> xr.Dataset:
    """One station that must have charged 2 MWh by the end of the hour."""
    power = (("station", "time"), [[2.0, 2.0, 2.0, 2.0]])
    return xr.Dataset(
        {
            "station_bus": ("station", ["1"]),
            "ev_baseline": power,
            "ev_power_min": (("station", "time"), np.zeros((1, 4))),
            "ev_power_max": (("station", "time"), np.full((1, 4), 3.0)),
            "ev_energy_min": (("station", "time"), [[0.0, 0.0, 0.75, 2.0]]),
            "ev_energy_max": (("station", "time"), [[0.75, 1.5, 2.0, 2.0]]),
            "ev_reserve_cost_up": ("station", [4.0]),
            "ev_reserve_cost_down": ("station", [6.0]),
            "ev_deployment_cost": ("station", [10.0]),
        },
        coords={"station": ["E1"], "time": QUARTERS},
        attrs={"step_hours": 0.25},
    )


def solve(model: linopy.Model) -> xr.Dataset:
    assert model.solve(solver_name="highs", output_flag=False) == ("ok", "optimal")
    return model.solution


def test_ramps_are_per_hour_and_only_where_they_can_bind():
    model = linopy.Model()
    thermal.add_schedule(model, unit())
    assert "ramp_up" in model.constraints
    assert "ramp_down" not in model.constraints  # 400 MW/h cross the range in a quarter
    first_is_dear = xr.DataArray([10.0, -1, -1, -1], {"time": QUARTERS}, ("time",))
    minimise(model, {"power": first_is_dear}, 0.25)
    np.testing.assert_allclose(solve(model)["power"], [[10.0, 20.0, 30.0, 40.0]])


def test_segments_fill_in_order_of_cost_and_time_counts():
    model, data = linopy.Model(), unit()
    thermal.add_schedule(model, data)
    model.add_constraints(model.variables["power"] == 35.0)
    prices = {"segment_power": data["segment_cost"]}
    minimise(model, prices, 0.25)
    spent = cost(prices, solve(model), 0.25)
    assert float(spent["segment_power"]) == pytest.approx(20 * 10 + 5 * 20)  # one hour in quarters
    assert thermal.no_load_cost(data) == 80.0


def test_redispatch_keeps_the_ramp_and_the_reserve():
    model, data = linopy.Model(), unit()
    thermal.add_schedule(model, data)
    thermal.add_reserves(model, data)
    thermal.add_deployment(model, data)
    power, used = model.variables["power"], model.variables["deployment_up"]
    model.add_constraints(power == xr.DataArray([30.0, 38, 46, 46], {"time": QUARTERS}, ("time",)))
    minimise(model, {"deployment_up": xr.DataArray(-1.0)}, 0.25)
    deployed = solve(model)[used.name].to_numpy()[0]
    # the ramp allows 10 MW a quarter; head room 4 MW from the third on; reserve at most 6 MW
    np.testing.assert_allclose(deployed, [6.0, 6.0, 4.0, 4.0])


def test_station_makes_up_for_what_it_did_not_charge():
    model, data = linopy.Model(), station()
    ev_station.add_regulation(model, data)
    ev_station.add_adjustment(model, data)
    first = xr.DataArray([1.0, 0, 0, 0], {"time": QUARTERS}, ("time",))
    prices = {**ev_station.prices(data), "adjustment_up": 10.0 - 1000.0 * first}
    minimise(model, prices, 0.25)
    solution = solve(model)
    change = solution["adjustment_down"] - solution["adjustment_up"]
    assert float(change.isel(time=0).item()) == pytest.approx(-2.0)
    assert float(change.sum()) == pytest.approx(0.0)  # 2 MWh are due at the end
    np.testing.assert_allclose(
        solution["energy"], (0.25 * (data["ev_baseline"] + change)).cumsum("time"), atol=1e-9
    )
    assert (solution["energy"] >= data["ev_energy_min"] - 1e-9).all()
    assert (solution["energy"] <= data["ev_energy_max"] + 1e-9).all()


def test_stations_declare_what_their_envelope_leaves():
    data = station()
    assert (ev_station.declared_regulation(data, "up") == 2.0).all()
    assert (ev_station.declared_regulation(data, "down") == 1.0).all()


def test_the_energy_envelope_holds_the_baseline():
    data = station()
    data["ev_energy_max"][0, 3] = 2.0 - 1e-9
    lowest, highest = ev_station.energy_range(data)
    assert float(highest[0, 3]) == 2.0
    assert (lowest == data["ev_energy_min"]).all()


def test_the_feeder_pays_for_what_it_cannot_follow():
    data = station().assign(boundary_violation_cost=100.0)
    model = linopy.Model()
    ev_station.add_regulation(model, data)
    ev_station.add_adjustment(model, data)
    boundary.add_adversarial_call(model, data["time"])
    bus = xr.DataArray(["1"], {"bus": ["1"]}, ("bus",))
    load = at_bus(data["ev_baseline"], data["station_bus"], bus)
    power = NodalPower(-load, (ev_station.charging(model, data),))
    boundary.add_exchange(model, power, data["ev_baseline"].sum("station"))
    call = xr.DataArray([3.0, 0, 0, 0], {"time": QUARTERS}, ("time",))
    model.variables["boundary_call"].update(lower=call, upper=call)
    minimise(model, {**ev_station.prices(data), **boundary.violation_prices(data)}, 0.25)
    solution = solve(model)
    # 2 of 3 MW come from the station; later it must import 2 MW more than agreed, over 2 steps
    assert float(solution["boundary_violation_up"].sum()) == pytest.approx(1.0 + 2.0)
    assert float(solution["boundary_violation_down"].sum()) == pytest.approx(0.0)


def test_shedding_takes_the_reactive_part_along():
    coords = {"bus": ["1", "2", "3"], "time": QUARTERS[:1]}
    load = xr.DataArray([[4.0], [0.0], [2.0]], coords, ("bus", "time"))
    reactive = xr.DataArray([[1.0], [0.5], [1.0]], coords, ("bus", "time"))
    data = xr.Dataset({"shedding_share": 0.25, "shedding_cost": 1000.0})
    model = linopy.Model()
    demand.add_shedding(model, data, load)
    shed = demand.shedding(model, data, load, reactive)
    assert shed.bus.to_numpy().tolist() == ["1", "3"]
    assert shed.upper.to_numpy().tolist() == [[1.0], [0.5]]
    assert shed.reactive_ratio.to_numpy().tolist() == [[0.25], [0.5]]
