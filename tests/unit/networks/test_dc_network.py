import linopy
import numpy as np
import pytest
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.networks import dc_network, thermal
from ambigrid.networks.nodal_power import NodalPower
from ambigrid.networks.objective import minimise

TIME = np.array(["2030-01-01T00", "2030-01-01T01"], dtype="datetime64[ns]")


def triangle(limit: float = 100.0, load: float = 90.0, step: float = 1.0) -> xr.Dataset:
    """Three buses, three equal lines; a cheap unit at 1, a dear one at 2, the load at 3."""
    names = {"bus": ["1", "2", "3"], "line": ["1-2", "2-3", "1-3"], "generator": ["G1", "G2"]}
    return xr.Dataset(
        {
            "load": (("bus", "time"), [[0.0, 0.0], [0.0, 0.0], [load, load]]),
            "line_from": ("line", ["1", "2", "1"]),
            "line_to": ("line", ["2", "3", "3"]),
            "line_reactance": ("line", [0.1, 0.1, 0.1]),
            "line_flow_limit": ("line", [limit] * 3),
            "generator_bus": ("generator", ["1", "2"]),
            "power_min": ("generator", [0.0, 0.0]),
            "power_max": ("generator", [120.0, 120.0]),
            "ramp_up": ("generator", [500.0, 500.0]),
            "ramp_down": ("generator", [500.0, 500.0]),
            "segment_power": (("generator", "segment"), [[120.0], [120.0]]),
            "segment_cost": (("generator", "segment"), [[10.0], [30.0]]),
        },
        coords={**names, "segment": [1], "time": TIME},
        attrs={"step_hours": step},
    )


def schedule_model(data: xr.Dataset) -> linopy.Model:
    with linopy.options:
        linopy.options["semantics"] = "v1"
        model = linopy.Model()
        thermal.add_schedule(model, data)
        schedule = NodalPower(-data["load"], (thermal.schedule(model, data),))
        dc_network.add_balance(model, schedule)
        dc_network.add_schedule_flow_limits(model, data, schedule)
        minimise(model, {"segment_power": data["segment_cost"]}, data.attrs["step_hours"])
    return model


def test_triangle_divides_two_to_one():
    factors = dc_network.transfer_factors(triangle())
    transfer = factors.sel(bus="1") - factors.sel(bus="2")  # 1 MW from bus 1 to bus 2
    np.testing.assert_allclose(transfer.sel(line=["1-2", "2-3", "1-3"]), [2 / 3, -1 / 3, 1 / 3])


def test_an_imbalance_is_met_in_proportion_to_the_loads():
    data = triangle()
    data["load"][:] = [[10.0, 20.0], [30.0, 0.0], [60.0, 60.0]]
    share = data["load"].sum("time") / data["load"].sum()
    np.testing.assert_allclose(
        dc_network.transfer_factors(data).dot(share, dim="bus"), 0, atol=1e-12
    )


def test_flows_balance_at_every_bus():
    data = triangle()
    power = xr.DataArray([60.0, 30.0, -90.0], {"bus": data["bus"]}, ("bus",))
    flow = dc_network.line_flows(data, power)
    leaving = flow.sel(line="1-2") + flow.sel(line="1-3")
    assert leaving == pytest.approx(60.0)
    assert flow.sel(line="1-3") - 60.0 == pytest.approx(-(60.0 - 30.0) / 3)


def test_islands_are_named():
    data = triangle()
    data["line_to"][:] = ["2", "1", "2"]
    data["line_from"][:] = ["1", "2", "1"]
    with pytest.raises(InputError, match="do not connect all buses; got 2 islands, one with bus 3"):
        dc_network.transfer_factors(data)


def test_no_rows_where_limits_cannot_bind():
    model = schedule_model(triangle(limit=1000.0))
    assert "line_limit" not in model.constraints


def test_congestion_redispatches_as_computed_by_hand():
    # flow 1-3 = (2 p1 + p2) / 3 <= 50 with p1 + p2 = 90, so p1 = 60
    model = schedule_model(triangle(limit=50.0))
    model.solve(solver_name="highs", output_flag=False)
    np.testing.assert_allclose(model.solution["power"].sel(generator="G1"), 60.0)
    assert model.objective.value == pytest.approx(2 * (60 * 10 + 30 * 30))


def test_cost_is_proportional_to_the_step():
    model = schedule_model(triangle(limit=50.0, step=0.25))
    model.solve(solver_name="highs", output_flag=False)
    assert model.objective.value == pytest.approx(0.25 * 2 * (60 * 10 + 30 * 30))
