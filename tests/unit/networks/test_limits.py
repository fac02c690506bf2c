"""Rows that are left out never cut anything off."""

import linopy
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigrid.networks import limits
from ambigrid.networks.nodal_power import SOURCE, Injection, NodalPower, Sensitivity
from ambigrid.networks.objective import minimise

TIME = np.array(["2030-01-01T00", "2030-01-01T01"], dtype="datetime64[ns]")
BUSES, ELEMENTS, DEVICES = ["a", "b", "c"], ["1", "2", "3", "4"], ["D1", "D2", "D3", "D4"]


def random_system(seed: int, tightness: float) -> tuple[Sensitivity, dict]:
    rng = np.random.default_rng(seed)
    shape = {"line": ELEMENTS, "side": ["up", "down"], SOURCE: BUSES}
    active, reactive = (
        xr.DataArray(rng.normal(size=(4, 2, 3)), shape, tuple(shape)) for _ in range(2)
    )
    limit = tightness * (0.1 + rng.random((4, 2)))
    limit = xr.DataArray(limit, {d: shape[d] for d in ("line", "side")}, ("line", "side"))
    labels = {"device": DEVICES, "time": TIME}
    lower = xr.DataArray(-rng.random((4, 2)), labels, tuple(labels)).rename(device="unit")
    bus = xr.DataArray(rng.choice(BUSES, 4), {"unit": DEVICES}, ("unit",))
    fixed = xr.DataArray(
        0.2 * rng.normal(size=(3, 2)), {"bus": BUSES, "time": TIME}, ("bus", "time")
    )
    return Sensitivity(active, limit, reactive), {
        "lower": lower,
        "upper": lower + rng.random(lower.shape) + 0.1,
        "bus": bus,
        "reactive_ratio": lower * 0 + rng.normal(size=lower.shape),
        "fixed": fixed,
        "price": xr.DataArray(rng.normal(size=lower.shape), lower.coords, lower.dims),
    }


def build(sensitivity: Sensitivity, parts: dict, slack: str | None) -> linopy.Model:
    with linopy.options:
        linopy.options["semantics"] = "v1"
        model = linopy.Model()
        power = model.add_variables(lower=parts["lower"], upper=parts["upper"], name="power")
        limits.add_limits(model, "limit", sensitivity, nodal_power(power, parts), slack)
        prices = {"power": parts["price"], "slack": xr.DataArray(7.0)}
        minimise(model, prices, 1.0)
    return model


def nodal_power(power: linopy.Variable, parts: dict) -> NodalPower:
    device = Injection(power, *(parts[n] for n in ("bus", "lower", "upper", "reactive_ratio")))
    return NodalPower(parts["fixed"], (device,), 0.5 * parts["fixed"])


def optimum(model: linopy.Model) -> float:
    status, condition = model.solve(solver_name="highs", output_flag=False)
    return model.objective.value if status == "ok" else condition


@given(seed=st.integers(0, 10_000), tightness=st.floats(0.3, 6.0), relaxed=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_optimum_is_that_of_all_rows(seed, tightness, relaxed):
    sensitivity, parts = random_system(seed, tightness)
    slack = "slack" if relaxed else None
    few = optimum(build(sensitivity, parts, slack))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "binding_rows", lambda s, power: power.greatest(s) > -np.inf)
        every = optimum(build(sensitivity, parts, slack))
    assert few == (every if isinstance(every, str) else pytest.approx(every, rel=1e-7, abs=1e-7))


@given(seed=st.integers(0, 10_000), corner=st.integers(0, 2**8 - 1))
@settings(max_examples=50, deadline=None)
def test_no_corner_exceeds_the_greatest_activity(seed, corner):
    sensitivity, parts = random_system(seed, 1.0)
    high = xr.DataArray(
        np.array([(corner >> k) & 1 for k in range(8)], dtype=bool).reshape(4, 2),
        parts["lower"].coords,
        parts["lower"].dims,
    )
    power = nodal_power(None, parts)
    device = power.devices[0]
    values = parts["upper"].where(high, parts["lower"]).rename(unit="device")
    reached = power.fixed_part(sensitivity) + (device.coefficient(sensitivity) * values).sum(
        "device"
    )
    assert (reached <= power.greatest(sensitivity) + 1e-9).all()


def test_slack_exists_only_where_a_row_is_kept():
    sensitivity, parts = random_system(3, 2.0)
    model = build(sensitivity, parts, "slack")
    kept = limits.binding_rows(sensitivity, nodal_power(None, parts))
    assert 0 < int(kept.sum()) < kept.size
    assert int((model.variables["slack"].labels >= 0).sum()) == int(kept.any("side").sum())
    assert int((model.constraints["limit"].labels >= 0).sum()) == int(kept.sum())


def test_nothing_is_added_when_no_limit_can_bind():
    sensitivity, parts = random_system(3, 1e3)
    model = build(sensitivity, parts, "slack")
    assert list(model.variables) == ["power"]
    assert not list(model.constraints)
