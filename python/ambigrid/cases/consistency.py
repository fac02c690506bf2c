"""Checks of what must fit together within a case: labels, topology, prices, scenarios, stations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xarray as xr
from scipy.sparse.csgraph import breadth_first_order, connected_components

from ambigrid.cases.checks import TOLERANCE, Place, offender
from ambigrid.cases.schema import SESSION
from ambigrid.errors import InputError

_BUS_OF = ("line_from", "line_to", "generator_bus", "boundary_bus", "renewable_bus", "station_bus")


def check_group(data: xr.Dataset, place: Place) -> None:
    """Check one group whose variables have passed the schema."""
    _check_buses(data, place)
    _check_prices(data, place)
    _check_scenarios(data, place)
    if data.attrs["kind"] == "transmission":
        _check_connected(data, place)
        _check_generators(data, place)
    else:
        _check_radial(data, place)
        _check_voltage_limits(data, place)
        _check_stations(data, place)


def check_distributions(groups: dict[str, xr.Dataset], source: str) -> None:
    """Check that boundaries and feeders have the same names and the same time."""
    transmission = next(name for name, d in groups.items() if d.attrs["kind"] == "transmission")
    named = list(groups[transmission]["distribution"].to_numpy())
    feeders = [name for name in groups if name != transmission]
    if sorted(named) != sorted(feeders):
        raise InputError(
            "the boundaries and the distribution groups do not have the same names",
            where=f"{source}: {transmission}/distribution",
            got=f"{', '.join(named)} beside the groups {', '.join(feeders)}",
            fix="name a boundary bus and limit for each distribution group",
        )
    for name in feeders:
        if not np.array_equal(groups[name]["time"], groups[transmission]["time"]):
            raise InputError(
                f"the time coordinate differs from that of {transmission}",
                where=f"{source}: {name}/time",
                fix="give all groups the same time",
            )


def _check_buses(data: xr.Dataset, place: Place) -> None:
    known = set(data["bus"].to_numpy())
    for name in _BUS_OF:
        if name not in data:
            continue
        dim = data[name].dims[0]
        for label, bus in zip(data[dim].to_numpy(), data[name].to_numpy(), strict=True):
            if bus not in known:
                raise InputError(
                    "there is no such bus",
                    where=place(name, **{str(dim): label}),
                    got=repr(str(bus)),
                    fix=f"name one of the {len(known)} labels of the coordinate bus",
                )


def _check_prices(data: xr.Dataset, place: Place) -> None:
    """Deployment < curtailment < shedding < boundary violation < network slack."""
    deployment = [n for n in data.data_vars if "deployment_cost" in str(n) and data[n].size]
    dearest = sorted(deployment, key=lambda n: float(data[n].max()))[-1:]
    ladder = [
        (str(name), float(data[name].max()))
        for name in (
            *dearest,
            "curtailment_cost",
            "shedding_cost",
            "boundary_violation_cost",
            "network_slack_cost",
        )
        if name in data
    ]
    for (lower, price), (upper, next_price) in pairwise(ladder):
        if not price < next_price:
            raise InputError(
                f"the price must be above {lower} = {price:g} $/MWh",
                where=place(upper),
                got=f"{next_price:g} $/MWh",
                fix="let prices rise in the order deployment, curtailment, shedding, "
                "boundary violation, network slack",
            )


def _check_scenarios(data: xr.Dataset, place: Place) -> None:
    if data.sizes["scenario"] == 0:
        raise InputError(
            "there are no scenarios",
            where=place("renewable_samples"),
            got="0 scenarios",
            fix="give at least one; the forecast itself will do",
        )
    total = float(data["weight"].sum())
    if abs(total - 1.0) > TOLERANCE:
        raise InputError(
            "the weights of the scenarios must add up to one",
            where=place("weight"),
            got=f"{total:g}",
            fix="divide each weight by their sum",
        )
    for name in ("renewable_forecast", "renewable_samples", "renewable_held_out"):
        if name in data:
            above = data[name] > data["renewable_capacity"] + TOLERANCE
            offender(
                above.transpose(*data[name].dims), data[name], place, "the power is above capacity"
            ).raise_if_any("lower it, or raise renewable_capacity")


def _check_connected(data: xr.Dataset, place: Place) -> None:
    count, label = connected_components(_adjacency(data), directed=False)
    if count > 1:
        lost = data["bus"].to_numpy()[np.flatnonzero(label != label[0])[0]]
        raise InputError(
            "the lines do not connect all buses",
            where=place("line_from", bus=lost),
            got=f"{count} islands",
            fix="add the missing line or remove the island",
        )


def _check_radial(data: xr.Dataset, place: Place) -> None:
    buses = list(data["bus"].to_numpy())
    root = str(data.attrs.get("root_bus"))
    if root not in buses:
        raise InputError(
            "the attribute root_bus names no bus",
            where=place("root_bus"),
            got=repr(root),
            fix="name the bus at which the feeder hangs on the transmission network",
        )
    adjacency = _adjacency(data)
    count, label = connected_components(adjacency, directed=False)
    if count > 1:
        lost = buses[np.flatnonzero(label != label[buses.index(root)])[0]]
        raise InputError(
            "the feeder is disconnected: no line leads to the bus",
            where=place("line_from", bus=lost),
            got=f"{count} islands",
            fix="add the missing line or remove the island",
        )
    if data.sizes["line"] != len(buses) - 1:
        raise InputError(
            "the feeder is meshed; a radial feeder has one line less than buses",
            where=place("line_from"),
            got=f"{data.sizes['line']} lines for {len(buses)} buses",
            fix="leave out the normally open lines",
        )
    _, parent = breadth_first_order(adjacency, buses.index(root), directed=False)
    _check_orientation(data, place, buses, parent)


def _check_orientation(
    data: xr.Dataset, place: Place, buses: list[str], parent: np.ndarray
) -> None:
    ends = zip(*(data[name].to_numpy() for name in ("line", "line_from", "line_to")), strict=True)
    for line, start, end in ends:
        if parent[buses.index(end)] != buses.index(start):
            raise InputError(
                "the line points towards the root",
                where=place("line_from", line=line),
                got=f"{start} to {end}",
                fix="exchange line_from and line_to",
            )


def _adjacency(data: xr.Dataset) -> sp.csr_array:
    index = data.indexes["bus"]
    start, end = (
        index.get_indexer(pd.Index(data[name].to_numpy())) for name in ("line_from", "line_to")
    )
    size = len(index)
    return sp.csr_array((np.ones(len(start)), (start, end)), shape=(size, size))


def _check_generators(data: xr.Dataset, place: Place) -> None:
    offender(
        data["power_min"] > data["power_max"],
        data["power_min"],
        place,
        "the least power is above the largest power",
    ).raise_if_any("exchange or correct power_min and power_max")
    widths = data["segment_power"].sum("segment").assign_attrs(units="MW")
    range_ = data["power_max"] - data["power_min"]
    offender(
        abs(widths - range_) > TOLERANCE,
        widths,
        place,
        "the cost segments do not add up to power_max - power_min",
        "segment_power",
    ).raise_if_any("widen or narrow a segment")
    cost = data["segment_cost"]
    falls = (cost < cost.shift(segment=1)).transpose(*cost.dims)
    offender(
        falls, cost, place, "the cost of a segment is below that of the one before"
    ).raise_if_any("sort the segments: the cost must be convex")


def _check_voltage_limits(data: xr.Dataset, place: Place) -> None:
    low, root, high = (float(data[n]) for n in ("voltage_min", "root_voltage", "voltage_max"))
    if not low <= root <= high:
        raise InputError(
            "the root voltage must lie between voltage_min and voltage_max",
            where=place("root_voltage"),
            got=f"{root:g} p.u. outside [{low:g}, {high:g}]",
            fix="change one of the three",
        )


def _check_stations(data: xr.Dataset, place: Place) -> None:
    """Envelope in order, and the baseline within it."""
    step = float(np.diff(data["time"].to_numpy()[:2])[0] / np.timedelta64(1, "h"))
    baseline = data["ev_baseline"]
    energy = (baseline.cumsum("time") * step).assign_attrs(units="MWh")
    for low, high in (("ev_power_min", "ev_power_max"), ("ev_energy_min", "ev_energy_max")):
        offender(
            data[low] > data[high] + TOLERANCE, data[low], place, f"the value is above {high}"
        ).raise_if_any(f"exchange or correct {low} and {high}")
    for values, low, high in (
        (baseline, "ev_power_min", "ev_power_max"),
        (energy, "ev_energy_min", "ev_energy_max"),
    ):
        for limit, outside in (
            (low, values < data[low] - TOLERANCE),
            (high, values > data[high] + TOLERANCE),
        ):
            what = f"the baseline's {'power' if 'power' in limit else 'energy'} violates {limit}"
            offender(outside, values, place, what, "ev_baseline").raise_if_any(
                "make it with ambigrid.cases.envelopes.baseline_charging"
            )
    _check_sessions(data, place)


def _check_sessions(data: xr.Dataset, place: Place) -> None:
    """Sessions are told whole or not at all."""
    needed = [name for name in SESSION if name != "session_request"]
    given = [name for name in needed if name in data]
    for name in needed if given else ():
        if name not in data:
            raise InputError(
                "the sessions lack this variable",
                where=place(name),
                got=f"only {', '.join(given)}",
                fix="add it, or leave all sessions out",
            )
    if "session_station" in data:
        known = set(data["station"].to_numpy())
        for session, station in enumerate(data["session_station"].to_numpy()):
            if station not in known:
                raise InputError(
                    "there is no such station",
                    where=place("session_station", session=session),
                    got=repr(str(station)),
                    fix="name a label of the coordinate station, or leave the session out",
                )
