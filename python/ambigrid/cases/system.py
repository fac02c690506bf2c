"""A built-in system: its description, and how a case is made of it.

A :class:`System` is figures only; ``build_system`` makes transmission and feeders from the parts in
:mod:`ambigrid.cases.build`, so that systems of all sizes share one way of being made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.cases.build import (
    BASE_MVA,
    Day,
    Feeder,
    WindPark,
    bus_loads,
    feeder_part,
    wind_part,
)
from ambigrid.cases.schema import SCHEMA_VERSION, group
from ambigrid.cases.tables import HOURS_PER_DAY, table
from ambigrid.errors import InputError

MOST_SCENARIOS = 100


@dataclass(frozen=True)
class Transmission:
    """What distinguishes one transmission network from another.

    Attributes
    ----------
    tables : str
        Ending of the names of its tables: ``bus30`` and ``line30`` for "30".
    parks : tuple of WindPark
        Wind units.
    thermal : mapping
        Values of the variables with the dimension ``generator``.
    prices : mapping
        Values of the other price variables and ``shedding_share``.
    load_level : float
        Peak load of the day over the sum of the published loads, without what feeders replace.
    load_profiles : tuple of str
        SimBench load profiles, dealt out to the buses in turn.
    replaced_load : float
        MW of the published load at a boundary bus in whose place one feeder stands, at most all.
    boundary_limit : float
        Largest boundary reserve of a feeder in either direction, MW.
    """

    tables: str
    parks: tuple[WindPark, ...]
    thermal: Mapping[str, Any]
    prices: Mapping[str, Any]
    load_level: float
    load_profiles: tuple[str, ...]
    replaced_load: float
    boundary_limit: float


@dataclass(frozen=True)
class System:
    """A built-in system: figures, sources and what is assumed.

    Attributes
    ----------
    name, title : str
        Attributes of the case.
    day : Day
        The scheduled day.
    transmission : Transmission
        The transmission network.
    feeders : tuple of Feeder
        The distribution networks.
    feeder_prices : mapping
        What :func:`~ambigrid.cases.build.feeder_part` takes as prices, the same for all feeders.
    sources, assumptions : tuple of str
        One sentence each.
    notice : str
        Licence notices that must stay with the data.
    """

    name: str
    title: str
    day: Day
    transmission: Transmission
    feeders: tuple[Feeder, ...]
    feeder_prices: Mapping[str, Any]
    sources: tuple[str, ...]
    assumptions: tuple[str, ...]
    notice: str


def build_system(
    system: System,
    *,
    seed: int = 0,
    wind_penetration: float | None = None,
    scenarios: int | None = None,
    hours: int | None = None,
) -> xr.DataTree:
    """Make the case of a built-in system.

    Parameters
    ----------
    system : System
        Its description.
    seed : int
        Data seed: forecast errors, clustering and charging sessions; the forecast, the loads and
        the networks are the same for every seed.
    wind_penetration : float, optional
        Forecast wind energy over load energy (EV charging included) of the whole system, in
        (0, 1]; all wind capacities are scaled to reach it. As described if left out.
    scenarios : int, optional
        In-sample scenarios per operator, 1 to 100; as described if left out. They are drawn anew,
        and the charging sessions with them.
    hours : int, optional
        Length of the horizon from midnight on, 2 to 24; as described if left out.

    Returns
    -------
    DataTree
        Groups ``transmission``, ``distribution_1``, ``distribution_2``, …

    Raises
    ------
    InputError
        For a wind penetration, a number of scenarios or of hours outside its range.
    """
    if wind_penetration is not None and not 0.0 < wind_penetration <= 1.0:
        raise InputError(
            "the wind penetration must lie in (0, 1]",
            where=f"{system.name}/wind_penetration",
            got=wind_penetration,
            fix="give the share of wind energy in load energy, e.g. 0.45",
        )
    described = replace(system, day=_day(system, scenarios, hours))
    groups = _groups(described, seed, 1.0)
    if wind_penetration is not None:
        groups = _groups(described, seed, wind_penetration / penetration(groups))
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    tree.attrs |= {
        "name": system.name,
        "title": system.title,
        "schema_version": SCHEMA_VERSION,
        "base_mva": BASE_MVA,
        "step_hours": 1.0,
        "seed": seed,
        "wind_penetration": round(penetration(groups), 6),
        "sources": "\n".join(system.sources),
        "assumptions": "\n".join(system.assumptions),
        "notice": system.notice,
    }
    return tree


def penetration(groups: Mapping[str, xr.Dataset]) -> float:
    """Forecast wind energy over load energy, EV baseline included, over all groups."""
    wind = sum(float(g["renewable_forecast"].sum()) for g in groups.values())
    load = sum(
        float(g[name].sum())
        for g in groups.values()
        for name in ("load", "load_active", "ev_baseline")
        if name in g
    )
    return wind / load


def within(value: int, least: int, most: int, *, where: str, what: str) -> int:
    """Return `value` if it lies within its range, else raise the error that says so."""
    if not least <= value <= most:
        raise InputError(
            f"the number of {what} must lie between {least} and {most}",
            where=where,
            got=value,
            fix=f"give a number such as {most // 4}",
        )
    return value


def _day(system: System, scenarios: int | None, hours: int | None) -> Day:
    day, name = system.day, system.name
    if scenarios is not None:
        where = f"{name}/scenarios"
        within(scenarios, 1, MOST_SCENARIOS, where=where, what="scenarios")
        day = replace(day, scenarios=scenarios)
    if hours is not None:
        within(hours, 2, HOURS_PER_DAY, where=f"{name}/hours", what="hours")
        day = replace(day, hours=hours)
    return day


def _groups(system: System, seed: int, wind_scale: float) -> dict[str, xr.Dataset]:
    streams = np.random.SeedSequence(seed).spawn(1 + len(system.feeders))
    rngs = [np.random.default_rng(stream) for stream in streams]
    groups = {"transmission": _transmission_part(system, wind_scale, rngs[0])}
    for feeder, rng in zip(system.feeders, rngs[1:], strict=True):
        scaled = replace(feeder, parks=_scaled(feeder.parks, wind_scale))
        groups[feeder.name] = feeder_part(scaled, system.day, system.feeder_prices, rng)
    return groups


def _transmission_part(system: System, wind_scale: float, rng: np.random.Generator) -> xr.Dataset:
    network, day, feeders = system.transmission, system.day, system.feeders
    buses, lines = table(f"bus{network.tables}"), table(f"line{network.tables}")
    wind = wind_part(_scaled(network.parks, wind_scale), day, rng)
    coords = wind.pop("coords")
    values = {
        "load": bus_loads(_peaks(system), network.load_profiles, network.load_level, day),
        "line_from": lines["from_bus"],
        "line_to": lines["to_bus"],
        "line_reactance": lines["reactance_pu_100mva"],
        "line_flow_limit": lines["rating_mw"],
        "boundary_bus": [feeder.boundary_bus for feeder in feeders],
        "boundary_limit": [network.boundary_limit] * len(feeders),
        **network.thermal,
        **wind,
        **network.prices,
    }
    units = [f"G{bus}" for bus in network.thermal["generator_bus"]]
    coords |= {
        "bus": buses["bus"].to_numpy(object),
        "line": lines["line"].to_numpy(object),
        "time": day.time,
        "generator": np.array(units, dtype=object),
        "segment": np.arange(np.shape(network.thermal["segment_power"])[1]),
        "distribution": np.array([feeder.name for feeder in feeders], dtype=object),
    }
    return group("transmission", values, coords, name="transmission")


def _peaks(system: System) -> np.ndarray:
    """Return the published load of each bus in MW, less what the feeders at it stand for."""
    buses = table(f"bus{system.transmission.tables}")
    hosts = [feeder.boundary_bus for feeder in system.feeders]
    feeders = np.array([hosts.count(bus) for bus in buses["bus"]])
    published = buses["load_active_mw"].to_numpy(float)
    replaced = np.minimum(published, system.transmission.replaced_load)
    rest: np.ndarray = np.maximum(published - feeders * replaced, 0.0)
    return rest


def _scaled(parks: tuple[WindPark, ...], scale: float) -> tuple[WindPark, ...]:
    return tuple(replace(park, capacity=park.capacity * scale) for park in parks)
