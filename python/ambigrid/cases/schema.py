"""What a case contains: the variables of each kind of agent, their dims, units and ranges.

A case is an :class:`xarray.DataTree` with one group per agent. The attribute ``kind`` of a group
is ``"transmission"`` or ``"distribution"`` and selects the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

SCHEMA_VERSION = 1

Kind = Literal["number", "label", "instant"]


@dataclass(frozen=True)
class Variable:
    """Declaration of one variable.

    Attributes
    ----------
    dims : tuple of str
        Dimensions, in the order in which they are stored.
    units : str
        Unit written in the attribute ``units``; empty for labels and pure numbers.
    long_name : str
        What it is.
    minimum, maximum : float
        Range of legal values.
    required : bool
        Whether a case without it is refused.
    kind : {"number", "label", "instant"}
        float64 number, string label or datetime64 instant.
    """

    dims: tuple[str, ...]
    units: str
    long_name: str
    minimum: float = -np.inf
    maximum: float = np.inf
    required: bool = True
    kind: Kind = "number"


def _label(dim: str, long_name: str) -> Variable:
    return Variable((dim,), "", long_name, kind="label")


def _price(long_name: str, *dims: str) -> Variable:
    return Variable(dims, "$/MWh", long_name, minimum=0.0)


def _power(long_name: str, *dims: str, units: str = "MW") -> Variable:
    return Variable(dims, units, long_name, minimum=0.0)


RENEWABLE: dict[str, Variable] = {
    "renewable_bus": _label("unit", "bus of the unit"),
    "renewable_capacity": _power("capacity", "unit"),
    "renewable_forecast": _power("day-ahead forecast of available power", "unit", "time"),
    "renewable_samples": _power("available power in a scenario", "scenario", "unit", "time"),
    "weight": Variable(("scenario",), "1", "probability of the scenario", 0.0, 1.0),
    "renewable_held_out": Variable(
        ("day", "unit", "time"), "MW", "available power on a held-out day", 0.0, required=False
    ),
    "curtailment_cost": _price("price of curtailed renewable energy"),
    "shedding_cost": _price("price of shed load"),
    "network_slack_cost": _price("price of violating a network limit or the balance"),
    "shedding_share": Variable((), "1", "largest share of each load that can be shed", 0.0, 1.0),
}

TRANSMISSION: dict[str, Variable] = {
    "load": _power("load without the distribution networks", "bus", "time"),
    "line_from": _label("line", "bus at the line's beginning"),
    "line_to": _label("line", "bus at the line's end"),
    "line_reactance": Variable(("line",), "p.u.", "series reactance on base_mva", 1e-9),
    "line_flow_limit": _power("largest active flow in either direction", "line"),
    "generator_bus": _label("generator", "bus of the thermal unit"),
    "power_min": _power("least power", "generator"),
    "power_max": _power("largest power", "generator"),
    "ramp_up": _power("largest rise", "generator", units="MW/h"),
    "ramp_down": _power("largest fall", "generator", units="MW/h"),
    "segment_power": _power("width of a cost segment above power_min", "generator", "segment"),
    "segment_cost": _price("incremental cost in a segment", "generator", "segment"),
    "no_load_cost": Variable(("generator",), "$/h", "cost of running at power_min", 0.0),
    "reserve_cost_up": _price("price of up reserve", "generator"),
    "reserve_cost_down": _price("price of down reserve", "generator"),
    "reserve_max": _power("largest reserve in either direction", "generator"),
    "deployment_cost_up": _price("price of deployed up reserve", "generator"),
    "deployment_cost_down": _price("price of deployed down reserve", "generator"),
    "boundary_deployment_cost": _price("price of called boundary reserve"),
    "boundary_bus": _label("distribution", "bus at which the distribution network hangs"),
    "boundary_limit": _power("largest boundary reserve in either direction", "distribution"),
    **RENEWABLE,
}

_STATION_TIME = ("station", "time")

DISTRIBUTION: dict[str, Variable] = {
    "load_active": _power("active load", "bus", "time"),
    "load_reactive": Variable(("bus", "time"), "MVAr", "reactive load"),
    "line_from": _label("line", "bus at the line's end towards the root"),
    "line_to": _label("line", "bus at the line's end away from the root"),
    "line_resistance": Variable(("line",), "p.u.", "series resistance on base_mva", 0.0),
    "line_reactance": Variable(("line",), "p.u.", "series reactance on base_mva", 0.0),
    "line_power_limit": _power("largest apparent power", "line", units="MVA"),
    "root_voltage": Variable((), "p.u.", "voltage at the root bus", 0.5, 1.5),
    "voltage_min": Variable((), "p.u.", "least voltage", 0.5, 1.5),
    "voltage_max": Variable((), "p.u.", "largest voltage", 0.5, 1.5),
    "station_bus": _label("station", "bus of the EV station"),
    "tariff": Variable(("time",), "$/MWh", "time-of-use tariff for charging"),
    "ev_power_min": Variable(_STATION_TIME, "MW", "least station power"),
    "ev_power_max": Variable(_STATION_TIME, "MW", "largest station power"),
    "ev_energy_min": Variable(_STATION_TIME, "MWh", "least cumulative energy at the step's end"),
    "ev_energy_max": Variable(_STATION_TIME, "MWh", "largest cumulative energy at the step's end"),
    "ev_baseline": Variable(_STATION_TIME, "MW", "cheapest charging under the tariff"),
    "ev_reserve_cost_up": _price("price of cleared up regulation (charge less)", "station"),
    "ev_reserve_cost_down": _price("price of cleared down regulation (charge more)", "station"),
    "ev_deployment_cost": _price("price of regulation energy in either direction", "station"),
    "boundary_violation_cost": _price("price of not following the transmission operator's call"),
    **RENEWABLE,
}

_SESSION: dict[str, Variable] = {
    "session_station": _label("session", "station"),
    "session_arrival": Variable(("session",), "", "plugged in at", kind="instant"),
    "session_departure": Variable(("session",), "", "plugged out at", kind="instant"),
    "session_energy": _power("energy needed by departure", "session", units="MWh"),
    "session_request": _power("energy asked for by departure", "session", units="MWh"),
    "session_power_max": _power("largest charging power", "session"),
    "session_power_min": Variable(("session",), "MW", "least power", maximum=0.0),
    "session_capacity": _power("usable battery size", "session", units="MWh"),
    "session_initial": _power("battery charge at arrival", "session", units="MWh"),
}

SESSION: dict[str, Variable] = {
    name: Variable(v.dims, v.units, v.long_name, v.minimum, v.maximum, False, v.kind)
    for name, v in _SESSION.items()
}

KINDS: dict[str, dict[str, Variable]] = {
    "transmission": TRANSMISSION,
    "distribution": {**DISTRIBUTION, **SESSION},
}

_DTYPES: dict[Kind, Any] = {
    "number": np.float64,
    "label": object,
    "instant": "datetime64[ns]",
}

#: Coordinates that hold string labels.
LABEL_COORDINATES = ("bus", "line", "generator", "unit", "station", "distribution")


def group(kind: str, values: dict[str, Any], coords: dict[str, Any], **attrs: Any) -> xr.Dataset:
    """Make a group's dataset: every value gets the dims, units and name its declaration states.

    Parameters
    ----------
    kind : {"transmission", "distribution"}
        Which declarations apply.
    values : dict
        Values by variable name, in the declared units.
    coords : dict
        Coordinates by dimension name.
    **attrs
        Further attributes of the group.

    Returns
    -------
    Dataset
    """
    variables = {}
    for name, value in values.items():
        declared = KINDS[kind][name]
        array = np.asarray(value).astype(_DTYPES[declared.kind])
        labels = {"units": declared.units} if declared.kind == "number" else {}
        variables[name] = (declared.dims, array, {**labels, "long_name": declared.long_name})
    return xr.Dataset(variables, coords=coords, attrs={"kind": kind, **attrs})
