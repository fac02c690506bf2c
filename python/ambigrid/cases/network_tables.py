"""A network as plain tables: what every reader fills in, and the case group made from it.

Readers (:mod:`ambigrid.cases.pandapower`, :mod:`ambigrid.cases.matpower`) differ only in where the
figures stand; what a group needs of them is decided here once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

from ambigrid.cases.schema import group
from ambigrid.errors import InputError

Kind = Literal["transmission", "distribution"]

RAMP_SHARE = 0.5  # of the largest power per hour: network files state no ramps
RESERVE_HOURS = 0.5  # reserve is what a unit can ramp within this time
_RATIO_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Branch:
    """A line or transformer: p.u. on the network's base, limit in MVA (infinite: none stated)."""

    label: str
    from_bus: str
    to_bus: str
    resistance: float
    reactance: float
    limit: float
    ratio: float = 1.0

    def reversed(self) -> Branch:
        """Seen from the other end."""
        ends = {"from_bus": self.to_bus, "to_bus": self.from_bus}
        return Branch(**{**self.__dict__, **ends})


@dataclass(frozen=True)
class CostUnit:
    """A dispatchable unit; `points` are (MW, $/h) from least to largest power."""

    label: str
    bus: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RenewableUnit:
    """A unit whose power comes with the weather; capacity in MW."""

    label: str
    bus: str
    capacity: float


@dataclass
class NetworkTables:
    """Network figures in MW, MVAr and p.u. on `base_mva`; dictionaries go from bus to value."""

    source: str
    base_mva: float
    base_kv: float
    buses: list[str]
    load_active: dict[str, float]
    load_reactive: dict[str, float]
    branches: list[Branch]
    units: list[CostUnit] = field(default_factory=list)
    renewables: list[RenewableUnit] = field(default_factory=list)
    root: str | None = None
    root_voltage: float = 1.0


def network_group(network: NetworkTables, kind: Kind, load_profile: xr.DataArray) -> xr.Dataset:
    """Make the network part of a case's group.

    Parameters
    ----------
    network : NetworkTables
        As a reader gives it.
    kind : {"transmission", "distribution"}
        Kind of the group.
    load_profile : DataArray
        Dims (time) or (bus, time): factor on the network's loads.

    Returns
    -------
    Dataset
        Loads, lines and, in a transmission network, units, named as in
        :mod:`ambigrid.cases.schema`; renewable units with bus and capacity.

    Raises
    ------
    InputError
        Naming the element that does not fit a group of this kind.
    """
    if kind == "transmission":
        return _transmission(network, load_profile)
    if kind == "distribution":
        return _distribution(network, load_profile)
    raise InputError(
        "the kind of network must be transmission or distribution", where="kind", got=kind
    )


def _transmission(network: NetworkTables, load_profile: xr.DataArray) -> xr.Dataset:
    branches = network.branches
    limits = _finite_limits(network, branches)
    values: dict[str, Any] = {
        "load": _loads(network, "load_active", load_profile),
        "line_from": [branch.from_bus for branch in branches],
        "line_to": [branch.to_bus for branch in branches],
        "line_reactance": [branch.reactance * branch.ratio for branch in branches],
        "line_flow_limit": limits,
        **_units(network),
        **_renewables(network),
    }
    coords = _coords(network, branches, load_profile)
    coords["generator"] = _strings(unit.label for unit in network.units)
    coords["segment"] = np.arange(np.shape(values["segment_power"])[1])
    return group("transmission", values, coords, base_mva=network.base_mva, source=network.source)


def _distribution(network: NetworkTables, load_profile: xr.DataArray) -> xr.Dataset:
    if network.units:
        raise InputError(
            "a distribution group has no dispatchable units",
            where=f"{network.source}, unit {network.units[0].label}",
            fix="make it a static generator (renewable), or take it out of service",
        )
    for branch in network.branches:
        if abs(branch.ratio - 1.0) > _RATIO_TOLERANCE:
            raise InputError(
                "a transformer within a feeder must be at its nominal ratio",
                where=f"{network.source}, branch {branch.label}",
                got=branch.ratio,
                fix="begin the feeder below the transformer, or set its tap to neutral",
            )
    branches = oriented_from_root(network)
    values = {
        "load_active": _loads(network, "load_active", load_profile),
        "load_reactive": _loads(network, "load_reactive", load_profile),
        "line_from": [branch.from_bus for branch in branches],
        "line_to": [branch.to_bus for branch in branches],
        "line_resistance": [branch.resistance for branch in branches],
        "line_reactance": [branch.reactance for branch in branches],
        "line_power_limit": _finite_limits(network, branches),
        "root_voltage": network.root_voltage,
        **_renewables(network),
    }
    return group(
        "distribution",
        values,
        _coords(network, branches, load_profile),
        base_mva=network.base_mva,
        base_kv=network.base_kv,
        root_bus=network.root,
        source=network.source,
    )


def oriented_from_root(network: NetworkTables) -> list[Branch]:
    """Branches in the order in which a walk from the root meets them, pointing away from it.

    Raises
    ------
    InputError
        For a loop, naming the branch that closes it, and for a bus without connection to the root.
    """
    if network.root not in network.buses:
        raise InputError(
            "the feeder needs one root bus", where=f"{network.source}, root", got=network.root
        )
    at_bus: dict[str, list[Branch]] = {bus: [] for bus in network.buses}
    for branch in network.branches:
        at_bus[branch.from_bus].append(branch)
        at_bus[branch.to_bus].append(branch.reversed())
    reached, queue, used, oriented = {network.root}, [network.root], set(), []
    while queue:
        for branch in at_bus[queue.pop(0)]:
            if branch.label in used:
                continue
            if branch.to_bus in reached:
                raise InputError(
                    "the feeder is meshed: this branch closes a loop",
                    where=f"{network.source}, branch {branch.label}",
                    got=f"{branch.from_bus} to {branch.to_bus}",
                    fix="open one branch of the loop",
                )
            used.add(branch.label)
            reached.add(branch.to_bus)
            queue.append(branch.to_bus)
            oriented.append(branch)
    lost = [bus for bus in network.buses if bus not in reached]
    if lost:
        raise InputError(
            f"these buses have no connection to the root {network.root}",
            where=f"{network.source}, bus",
            got=", ".join(lost[:5]),
            fix="close a branch to them, or take them out of service",
        )
    return oriented


def _units(network: NetworkTables) -> dict[str, Any]:
    """Units with the slopes of their convex cost; short curves end in segments of no width."""
    if not network.units:
        raise InputError("the network has no unit in service", where=f"{network.source}, units")
    count = max(len(unit.points) for unit in network.units) - 1
    widths = np.zeros((len(network.units), count))
    slopes = np.zeros_like(widths)
    for row, unit in enumerate(network.units):
        powers, costs = np.array(unit.points).T
        width = np.diff(powers)
        slope = np.divide(np.diff(costs), width, out=np.zeros_like(width), where=width > 0.0)
        _check_unit(network, unit, slope[width > 0.0])
        widths[row, : len(width)] = width
        slopes[row] = np.pad(slope, (0, count - len(slope)), mode="edge")
    lowest = np.array([unit.points[0][0] for unit in network.units])
    highest = np.array([unit.points[-1][0] for unit in network.units])
    ramp = RAMP_SHARE * highest
    return {
        "generator_bus": [unit.bus for unit in network.units],
        "power_min": lowest,
        "power_max": highest,
        "ramp_up": ramp,
        "ramp_down": ramp,
        "reserve_max": np.minimum(RESERVE_HOURS * ramp, highest - lowest),
        "segment_power": widths,
        "segment_cost": slopes,
        "no_load_cost": [unit.points[0][1] for unit in network.units],
    }


def _check_unit(network: NetworkTables, unit: CostUnit, slopes: np.ndarray) -> None:
    where = f"{network.source}, unit {unit.label}"
    lowest, highest = unit.points[0][0], unit.points[-1][0]
    if not 0.0 <= lowest <= highest < np.inf:
        raise InputError(
            "a unit needs 0 <= least power <= largest power, finite",
            where=where,
            got=f"{lowest} to {highest} MW",
            fix="give the unit limits in MW, or take it out of service",
        )
    if (np.diff(slopes) < -1e-9).any():
        raise InputError(
            "the cost curve must be convex",
            where=where,
            got=f"slopes {', '.join(f'{slope:.6g}' for slope in slopes)} $/MWh",
            fix="give slopes that do not fall",
        )


def _renewables(network: NetworkTables) -> dict[str, Any]:
    return {
        "renewable_bus": [unit.bus for unit in network.renewables],
        "renewable_capacity": [unit.capacity for unit in network.renewables],
    }


def _loads(
    network: NetworkTables, name: Literal["load_active", "load_reactive"], profile: xr.DataArray
) -> np.ndarray:
    if not set(profile.dims) <= {"bus", "time"} or "time" not in profile.dims:
        raise InputError(
            "the load profile must have the dims (time) or (bus, time)",
            where="load_profile",
            got=profile.dims,
        )
    table = getattr(network, name)
    loads = xr.DataArray(
        [table.get(bus, 0.0) for bus in network.buses], coords={"bus": network.buses}
    )
    if "bus" in profile.dims:
        lacking = sorted(set(network.buses) - set(profile["bus"].to_numpy().astype(str)))
        if lacking:
            raise InputError("the load profile lacks buses", where="load_profile", got=lacking[:5])
        profile = profile.sel(bus=network.buses)
    if name == "load_active" and (loads < 0.0).any():
        bus = network.buses[int(loads.to_numpy().argmin())]
        raise InputError(
            "the active load at a bus must not be negative",
            where=f"{network.source}, bus {bus}",
            got=f"{float(loads.min())} MW",
            fix="model generation as a renewable unit",
        )
    values: np.ndarray = (loads * profile).transpose("bus", "time").to_numpy()
    return values


def _finite_limits(network: NetworkTables, branches: list[Branch]) -> list[float]:
    """Limits in MVA; where none is stated, ten times all that could flow, which cannot bind."""
    everything = (
        sum(abs(value) for value in network.load_active.values())
        + sum(abs(value) for value in network.load_reactive.values())
        + sum(unit.points[-1][0] for unit in network.units)
        + sum(unit.capacity for unit in network.renewables)
    )
    return [min(branch.limit, max(10.0 * everything, 1.0)) for branch in branches]


def _coords(
    network: NetworkTables, branches: list[Branch], profile: xr.DataArray
) -> dict[str, Any]:
    return {
        "bus": _strings(network.buses),
        "line": _strings(branch.label for branch in branches),
        "unit": _strings(unit.label for unit in network.renewables),
        "time": profile["time"].to_numpy(),
    }


def _strings(labels: Iterable[str]) -> np.ndarray:
    return np.array(list(labels), dtype=object)
