"""The linopy models of the EV-flexibility study, one per operator, as tables of contents.

Prices are in $/MWh and power in MW; the objective multiplies them by the step, so steps of any
length work. `ev_flexibility` says what the operators are about.
"""

from __future__ import annotations

from typing import Literal

import linopy
import xarray as xr

from ambigrid.networks import (
    boundary,
    dc_network,
    demand,
    ev_station,
    lindistflow,
    renewable,
    thermal,
)
from ambigrid.networks.arrays import at_bus, over
from ambigrid.networks.nodal_power import NodalPower
from ambigrid.networks.objective import Prices, minimise
from ambigrid.program import TwoStageProgram

Mode = Literal["both", "distribution_only", "none"]

UNCERTAIN = ("renewable",)
TRANSMISSION_FIRST_STAGE = (
    "power",
    "segment_power",
    "reserve_up",
    "reserve_down",
    "scheduled_renewable",
    "boundary_reserve_up",
    "boundary_reserve_down",
)
DISTRIBUTION_FIRST_STAGE = (
    "ev_reserve_up",
    "ev_reserve_down",
    "boundary_reserve_up",
    "boundary_reserve_down",
)
_UNITS = {"energy": "MWh", "voltage_slack": "MVA", "branch_slack": "MVA"}
"""Units of the variables that are not in MW: a voltage slack is active or reactive power."""


def unit_of(variable: str) -> str:
    """Return the unit of a variable or constraint of either model."""
    return _UNITS.get(variable, "MW")


def transmission_program(data: xr.Dataset, baseline: xr.DataArray, mode: Mode) -> TwoStageProgram:
    """Two-stage program of the transmission operator; arguments as `transmission_model`."""
    model = transmission_model(data, baseline, mode)
    recourse = _recourse(model, TRANSMISSION_FIRST_STAGE)
    return TwoStageProgram.from_linopy(model, recourse=recourse, uncertain=UNCERTAIN)


def distribution_program(
    data: xr.Dataset, mode: Mode, *, adversarial: bool = True, voltage_margin: float = 0.0
) -> TwoStageProgram:
    """Two-stage program of a distribution operator; arguments as `distribution_model`."""
    model = distribution_model(data, mode, adversarial=adversarial, voltage_margin=voltage_margin)
    recourse = _recourse(model, DISTRIBUTION_FIRST_STAGE)
    call = {"boundary_call": boundary.call_box(model)} if "boundary_call" in model.variables else {}
    return TwoStageProgram.from_linopy(
        model, recourse=recourse, uncertain=UNCERTAIN, adversarial=call
    )


def transmission_model(data: xr.Dataset, baseline: xr.DataArray, mode: Mode) -> linopy.Model:
    """Day-ahead schedule and redispatch of the transmission operator.

    Parameters
    ----------
    data : xarray.Dataset
        The transmission group, with ``attrs["step_hours"]`` in h.
    baseline : xarray.DataArray
        Dims (distribution, time), MW: what the feeders import without any call.
    mode : {"both", "distribution_only", "none"}
        Only in "both" is there boundary reserve; otherwise it is fixed at zero.

    Returns
    -------
    linopy.Model
        First stage `TRANSMISSION_FIRST_STAGE`, uncertain `renewable`, all else recourse.
    """
    model = linopy.Model()
    consumed = over(data["load"], data, "bus", "time")
    fixed = -consumed - at_bus(baseline, data["boundary_bus"], consumed)

    # day ahead
    thermal.add_schedule(model, data)
    thermal.add_reserves(model, data)
    renewable.add_schedule(model, data)
    boundary.add_reserve_requests(model, data)
    schedule = NodalPower(fixed, (thermal.schedule(model, data), renewable.schedule(model, data)))
    dc_network.add_balance(model, schedule)
    dc_network.add_schedule_flow_limits(model, data, schedule)

    # intraday
    thermal.add_deployment(model, data)
    renewable.add_use(model, data)
    demand.add_shedding(model, data, consumed)
    devices = [
        thermal.redispatch(model, data),
        renewable.use(model, data),
        demand.shedding(model, data, consumed),
    ]
    if mode == "both":
        boundary.add_calls(model)
        devices.append(boundary.calls(model, data))
    else:
        boundary.fix_reserve_at_zero(model)
    redispatch = NodalPower(fixed, tuple(devices))
    dc_network.add_redispatch_balance(model, schedule, redispatch)
    dc_network.add_redispatch_flow_limits(model, data, redispatch)

    minimise(model, transmission_prices(data), float(data.attrs["step_hours"]))
    return model


def transmission_prices(data: xr.Dataset) -> Prices:
    """Return what every variable of the transmission operator costs, $/MWh."""
    return {
        **thermal.prices(data),
        **boundary.call_prices(data),
        **renewable.prices(data),
        **demand.prices(data),
        **dc_network.slack_prices(data),
    }


def distribution_model(
    data: xr.Dataset, mode: Mode, *, adversarial: bool = True, voltage_margin: float = 0.0
) -> linopy.Model:
    """Regulation bought by a distribution operator and its intraday redispatch.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder's group, with ``attrs`` `step_hours` in h, `base_mva`, `root_bus`.
    mode : {"both", "distribution_only", "none"}
        "distribution_only" offers no boundary reserve, "none" leaves stations at their baseline.
    adversarial : bool
        Whether the feeder prepares for every call within its offer; otherwise for no call.
    voltage_margin : float
        Added to the lower voltage limit, p.u.

    Returns
    -------
    linopy.Model
        First stage `DISTRIBUTION_FIRST_STAGE`, uncertain `renewable`, adversarial
        `boundary_call` where there can be one, all else recourse.
    """
    model = linopy.Model()
    load, reactive = (
        over(data[name], data, "bus", "time") for name in ("load_active", "load_reactive")
    )
    charged = at_bus(data["ev_baseline"], data["station_bus"], load)

    # day ahead
    ev_station.add_regulation(model, data)
    regulation = {d: _bought(model, data, d) for d in ("up", "down")}
    boundary.add_reserve_offer(model, regulation)
    if mode != "both":
        boundary.fix_reserve_at_zero(model)

    # intraday
    renewable.add_use(model, data)
    demand.add_shedding(model, data, load)
    devices = [renewable.use(model, data), demand.shedding(model, data, load, reactive)]
    if mode != "none":
        ev_station.add_adjustment(model, data)
        devices.append(ev_station.charging(model, data))
    else:
        ev_station.fix_regulation_at_zero(model)
    if adversarial and mode == "both":
        boundary.add_adversarial_call(model, data["time"])
    power = NodalPower(-load - charged, tuple(devices), -reactive)
    boundary.add_exchange(model, power, boundary_baseline(data))
    lindistflow.add_voltage_limits(model, data, power, voltage_margin)
    lindistflow.add_branch_limits(model, data, power)

    minimise(model, distribution_prices(data), float(data.attrs["step_hours"]))
    return model


def distribution_prices(data: xr.Dataset) -> Prices:
    """Return what every variable of a distribution operator costs, $/MWh."""
    return {
        **ev_station.prices(data),
        **renewable.prices(data),
        **demand.prices(data),
        **boundary.violation_prices(data),
        **lindistflow.slack_prices(data),
    }


def boundary_baseline(data: xr.Dataset) -> xr.DataArray:
    """Baseline import of a feeder: load plus baseline charging minus forecast; dims (time), MW."""
    baseline = (
        data["load_active"].sum("bus")
        + data["ev_baseline"].sum("station")
        - data["renewable_forecast"].sum("unit")
    )
    return baseline.assign_attrs(units="MW", long_name="baseline import of the feeder")


def _bought(
    model: linopy.Model, data: xr.Dataset, direction: str
) -> tuple[linopy.Variable, xr.DataArray]:
    declared = ev_station.declared_regulation(data, direction)
    return model.variables[f"ev_reserve_{direction}"], declared


def _recourse(model: linopy.Model, first_stage: tuple[str, ...]) -> list[str]:
    others = {*first_stage, *UNCERTAIN, "boundary_call"}
    return [str(name) for name in model.variables if name not in others]
