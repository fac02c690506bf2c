"""Checks of the forecast: the schedule exists, and no network limit is violated without a call.

A study prices violated limits so that its recourse is finite for every outcome; a case in which
the forecast itself violates a limit would hide behind those prices.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xarray as xr
from scipy.optimize import linprog

from ambigrid.cases.checks import TOLERANCE, Place, offender

_SHORTAGE_WEIGHT = 100.0  # a MW of imbalance against a MW of overload, when both cannot be avoided
_LEAST_EXCESS = 1e-4  # MW


def check_feeder(data: xr.Dataset, base_mva: float, place: Place) -> None:
    """Check LinDistFlow voltages and branch flows of a feeder at forecast and baseline.

    Parameters
    ----------
    data : Dataset
        Group of kind ``distribution``.
    base_mva : float
        Power base of the p.u. values, MVA.
    place : Place
        The group, for messages.
    """
    from ambigrid.networks import lindistflow

    feeder = data.assign_attrs(base_mva=base_mva)
    active = -data["load_active"] - _at_buses(data, "ev_baseline", "station")
    active = active + _at_buses(data, "renewable_forecast", "unit")
    state = lindistflow.evaluate(feeder, active, -data["load_reactive"])
    voltage = state["voltage"].transpose("bus", "time")
    for limit, outside in (
        ("voltage_min", voltage < data["voltage_min"] - TOLERANCE),
        ("voltage_max", voltage > data["voltage_max"] + TOLERANCE),
    ):
        offender(
            outside, voltage, place, f"the voltage at forecast violates {limit}", "root_voltage"
        ).raise_if_any("change root_voltage, or lower load_active, ev_baseline or the wind there")
    flow = (state["flow_active"] ** 2 + state["flow_reactive"] ** 2) ** 0.5
    flow = flow.transpose("line", "time")
    usable = np.cos(np.pi / lindistflow.POLYGON_SIDES)
    offender(
        flow > usable * data["line_power_limit"] + TOLERANCE,
        flow.assign_attrs(units="MVA"),
        place,
        f"the flow at forecast is above {usable:.1%} of the limit, the inscribed polygon",
        "line_power_limit",
    ).raise_if_any("raise the limit or lower the load behind the line")


def check_schedule(groups: dict[str, xr.Dataset], step_hours: float, source: str) -> None:
    """Check that thermal units and forecast wind can meet the load within the line limits.

    Solves min Σ (overload + weight × imbalance) over a day's schedule with ramps, by hour and line.

    Parameters
    ----------
    groups : dict
        All groups of the case by name.
    step_hours : float
        Length of a step, h.
    source : str
        Where the case comes from.
    """
    name = next(name for name, data in groups.items() if data.attrs["kind"] == "transmission")
    data, place = groups[name], Place(source, name)
    demand = _demand(data, groups)
    _check_capacity(data, demand, place)
    shortage, surplus, overload = _least_violation(data, demand, step_hours)
    for excess, word in ((shortage, "power is missing"), (surplus, "there is too much power")):
        what = f"no schedule within power limits and ramps meets the load at forecast, {word}"
        offender(excess > _LEAST_EXCESS, excess, place, what).raise_if_any(
            "change the load, power_min, power_max or the ramps"
        )
    offender(
        overload > _LEAST_EXCESS,
        overload,
        place,
        "no schedule meets the load at forecast within the line's limit; it is exceeded",
    ).raise_if_any("raise line_flow_limit, or lower the load that the line feeds")


def _demand(data: xr.Dataset, groups: dict[str, xr.Dataset]) -> xr.DataArray:
    """Load with the feeders' baseline exchange at their boundary buses; (bus, time), MW."""
    demand = data["load"].copy()
    for feeder, bus in zip(
        data["distribution"].to_numpy(), data["boundary_bus"].to_numpy(), strict=True
    ):
        below = groups[feeder]
        exchange = (
            below["load_active"].sum("bus")
            + below["ev_baseline"].sum("station")
            - below["renewable_forecast"].sum("unit")
        )
        demand.loc[{"bus": bus}] += exchange
    return demand


def _check_capacity(data: xr.Dataset, demand: xr.DataArray, place: Place) -> None:
    total = demand.sum("bus").assign_attrs(units="MW")
    most = data["power_max"].sum() + data["renewable_forecast"].sum("unit")
    offender(
        total > most + TOLERANCE,
        total,
        place,
        "the load with the feeders' exchange is above thermal capacity and forecast wind together",
        "load",
    ).raise_if_any("lower the load or add capacity")


def _least_violation(
    data: xr.Dataset, demand: xr.DataArray, step_hours: float
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Least shortage and surplus (time) and overload (line, time), MW."""
    from ambigrid.networks.dc_network import transfer_factors

    steps, lines = data.sizes["time"], data.sizes["line"]
    factors = transfer_factors(data).transpose("line", "bus")
    devices = [
        factors.sel(bus=data[name].to_numpy()).to_numpy()
        for name in ("generator_bus", "renewable_bus")
    ]
    to_line = np.hstack(devices)
    power = to_line.shape[1]
    hours = sp.eye_array(steps)
    ones = sp.csr_array(np.ones((1, power)))
    balance = sp.hstack([sp.kron(ones, hours), hours, -hours, sp.csr_array((steps, lines * steps))])
    flow = sp.kron(sp.csr_array(to_line), hours)
    gap = sp.csr_array((lines * steps, 2 * steps))
    over = sp.eye_array(lines * steps)
    base = (factors.to_numpy() @ demand.transpose("bus", "time").to_numpy()).ravel()
    limit = np.repeat(data["line_flow_limit"].to_numpy(), steps)
    rise, ramp = _ramp_rows(data, step_hours, balance.shape[1])
    answer = linprog(
        np.repeat([0.0, _SHORTAGE_WEIGHT, 1.0], [power * steps, 2 * steps, lines * steps]),
        A_ub=sp.vstack([sp.hstack([flow, gap, -over]), sp.hstack([-flow, gap, -over]), rise]),
        b_ub=np.concatenate([limit + base, limit - base, ramp]),
        A_eq=balance,
        b_eq=demand.sum("bus").to_numpy(),
        bounds=_bounds(data, steps, lines),
    )
    short, surplus, excess = np.split(answer.x[power * steps :], [steps, 2 * steps])
    time, units = {"time": data["time"]}, {"units": "MW"}
    line = {"line": data["line"], **time}
    return (
        xr.DataArray(short, time, ("time",), "load", units),
        xr.DataArray(surplus, time, ("time",), "load", units),
        xr.DataArray(
            excess.reshape(lines, steps), line, ("line", "time"), "line_flow_limit", units
        ),
    )


def _ramp_rows(
    data: xr.Dataset, step_hours: float, columns: int
) -> tuple[sp.csr_array, np.ndarray]:
    steps, units = data.sizes["time"], data.sizes["generator"]
    change = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(steps - 1, steps))
    change = sp.kron(sp.eye_array(units), change)
    rest = sp.csr_array((change.shape[0], columns - change.shape[1]))
    rows = sp.vstack([sp.hstack([change, rest]), sp.hstack([-change, rest])])
    limits = [
        np.repeat(data[n].to_numpy() * step_hours, steps - 1) for n in ("ramp_up", "ramp_down")
    ]
    return sp.csr_array(rows), np.concatenate(limits)


def _bounds(data: xr.Dataset, steps: int, lines: int) -> np.ndarray:
    low = np.repeat(data["power_min"].to_numpy(), steps)
    high = np.repeat(data["power_max"].to_numpy(), steps)
    forecast = data["renewable_forecast"].transpose("unit", "time").to_numpy().ravel()
    slacks = (2 + lines) * steps
    lower = np.concatenate([low, np.zeros(len(forecast) + slacks)])
    upper = np.concatenate([high, forecast, np.full(slacks, np.inf)])
    return np.column_stack([lower, upper])


def _at_buses(data: xr.Dataset, power: str, device: str) -> xr.DataArray:
    """Power of devices summed at their buses; (bus, time), MW."""
    bus = {"unit": "renewable_bus", "station": "station_bus"}[device]
    places = data.indexes["bus"].get_indexer(pd.Index(data[bus].to_numpy()))
    total = np.zeros((data.sizes["bus"], data.sizes["time"]))
    np.add.at(total, places, data[power].transpose(device, "time").to_numpy())
    return data["load_active"].transpose("bus", "time").copy(data=total)
