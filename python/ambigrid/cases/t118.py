"""The built-in system ``t118d10`` and its kin ``t118dN``: 118 buses with N 33-bus feeders.

After the scalability test of the EV-flexibility source document: wind at 16, 35, 49, 78, 112 and
feeders at 18, 32, 34, 40, 55, 70, 74, 77, 92, 112. The document prints no more than that; units and
line ratings are the published ones of the 118-bus system (see ``data/README.md``), and what is
assumed stands in the system's assumptions and in the case's attributes.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.cases.build import Feeder, WindPark
from ambigrid.cases.cost_curves import polynomial_points
from ambigrid.cases.parts import (
    BOUNDARY_LIMIT,
    BULK_LOAD_PROFILES,
    CARS_NOTE,
    DAY,
    DAY_NOTE,
    FEEDER_PRICES,
    FEEDER_SOURCE,
    NOTICE,
    PENALTY_NOTE,
    PROFILE_SOURCE,
    RATING_NOTE,
    STATION_NOTES,
    STATIONS,
    TRANSMISSION_PRICES,
    UNCERTAINTY_NOTES,
    feeder_parks,
)
from ambigrid.cases.system import System, Transmission, build_system, within
from ambigrid.cases.tables import table
from ambigrid.cases.validation import validate_case

MOST_FEEDERS = 100
BOUNDARY_BUSES = ("18", "32", "34", "40", "55", "70", "74", "77", "92", "112")
LEAST_POWER = 0.1  # of the largest power
RESERVE_MINUTES = 5.0
SEGMENTS = 3

# Profiles of which each feeder gets its own three, in its own order.
FEEDER_WIND_PROFILES = ("WP4", "WP5", "WP6", "WP7", "WP8", "WP10", "WP11")
FEEDER_LOAD_PROFILES = (
    "mv_rural",
    "mv_semiurb",
    "mv_urban",
    "mv_comm",
    "lv_semiurb4",
    "lv_urban6",
)

SOURCES = (
    "118-bus network: pandapower case118 after the IEEE 118-bus test case.",
    "Thermal units and line ratings: Illinois Institute of Technology, 118-bus system "
    "(JEAS_IEEE118).",
    FEEDER_SOURCE,
    PROFILE_SOURCE,
)
ASSUMPTIONS = (
    DAY_NOTE,
    "Loads: means of the weekdays within two weeks of the day, SimBench profiles dealt out to the "
    "buses in turn; the 118-bus loads peak at the sum of the published loads, the feeders at "
    "0.50-0.59 times theirs, another level and other profiles in each; published power factors.",
    "Boundaries: at buses 18, 32, 34, 40, 55, 70, 74, 77, 92, 112; with more than ten feeders then "
    "at the other load buses by falling load, and from the 100th on at the first ones again. A "
    "feeder stands for 3.715 MW (the published 33-bus load) of its bus's load, the rest stays.",
    *UNCERTAINTY_NOTES,
    "Wind: 350, 400, 1150, 400, 270 MW at buses 16, 35, 49, 78, 112, as much at each bus as its "
    "lines can take away (at forecast about 1 % is curtailed); 0.44, 1.80, 0.90 MW at buses 17, "
    "24, 32 of each feeder; unity power factor. A feeder's three SimBench profiles and their order "
    "are its own.",
    "Thermal units: the 54 of the published 118-bus data (7,220 MW) with their fuel costs at 1 "
    "$/MBtu in three segments of equal width, all committed; least power a tenth of the largest "
    "(published: 30 % on average), so that at night, with all units on, little wind is lost.",
    "Ramps: as published, half of the largest power per hour. Reserve: what 5 minutes of ramp "
    "give, 301 MW in all (the published operating reserve is 5 % of the load, 120-300 MW), at 12, "
    "for units up to 50 MW 15 $/MW and h (markets: 5-30). Deployed up reserve costs as much as the "
    "unit's dearest segment, deployed down reserve a fifth of its cheapest.",
    "Line ratings: as published with these units, 175 and 500 MW but for four lines; DC power flow "
    "without the transformers' tap ratios.",
    "Feeders: root voltage 1.022 p.u., constant; at the published load and 1.0 p.u. the voltage "
    "would fall to 0.913. Load levels and wind profiles are chosen so that the first ten feeders' "
    "LinDistFlow voltages at forecast stay within 0.955-1.04 p.u., up to 0.70 wind penetration "
    "within 0.95-1.05; those of all hundred within 0.95-1.05 at the documented penetration.",
    RATING_NOTE,
    f"Stations: 140-165 sessions per station and day, another number in each feeder, {CARS_NOTE}",
    *STATION_NOTES,
    PENALTY_NOTE,
)


def boundary_buses(count: int) -> tuple[str, ...]:
    """Name the ten of the source, then other load buses by falling load, then all these again."""
    buses = table("bus118").sort_values("load_active_mw", ascending=False, kind="stable")
    loaded = buses.loc[buses["load_active_mw"] > 0.0, "bus"]
    ranked = [*BOUNDARY_BUSES, *(bus for bus in loaded if bus not in BOUNDARY_BUSES)]
    return tuple(ranked[k % len(ranked)] for k in range(count))


def feeder(number: int, boundary_bus: str) -> Feeder:
    """Describe a feeder, `number` from 1: a load level of 0.50-0.59, 140-165 sessions a day.

    Strides through the ordered choices of three profiles let neighbours differ; the first hundred
    differ from each other in both choices.
    """
    wind = list(permutations(FEEDER_WIND_PROFILES, 3))
    load = list(permutations(FEEDER_LOAD_PROFILES, 3))
    return Feeder(
        name=f"distribution_{number}",
        boundary_bus=boundary_bus,
        parks=feeder_parks(*wind[19 * number % len(wind)]),
        stations=STATIONS,
        load_level=round(0.50 + 0.01 * (3 * number % 10), 2),
        load_profiles=load[23 * number % len(load)],
        root_voltage=1.022,
        mean_sessions=140.0 + 5.0 * (5 * number % 6),
    )


def thermal_units() -> dict[str, Any]:
    """Make values of the 54 published units by rising bus, cost curves in equal segments."""
    kinds = table("thermal118")
    kinds = kinds.assign(bus=kinds["buses"].str.split()).explode("bus", ignore_index=True)
    units = kinds.sort_values("bus", key=lambda bus: bus.astype(int), ignore_index=True)
    most = units["power_max_mw"].to_numpy(float)
    least = LEAST_POWER * most
    coefficients = units[["cost_quadratic", "cost_linear", "cost_constant"]].to_numpy(float)
    points = np.array(
        [
            polynomial_points(curve, low, high, SEGMENTS)
            for curve, low, high in zip(coefficients, least, most, strict=True)
        ]
    )
    width, rise = np.moveaxis(np.diff(points, axis=1), 2, 0)
    cost = rise / width
    ramp = units["ramp_mw_per_hour"].to_numpy(float)
    reserve_cost = np.where(most > 50.0, 12.0, 15.0)
    return {
        "generator_bus": units["bus"].to_list(),
        "power_min": least,
        "power_max": most,
        "ramp_up": ramp,
        "ramp_down": ramp,
        "segment_power": width,
        "segment_cost": cost,
        "no_load_cost": points[:, 0, 1],
        "reserve_cost_up": reserve_cost,
        "reserve_cost_down": reserve_cost,
        "reserve_max": ramp * RESERVE_MINUTES / 60.0,
        "deployment_cost_up": cost[:, -1],
        "deployment_cost_down": 0.2 * cost[:, 0],
    }


def t118(distributions: int) -> System:
    """Describe the 118-bus system with a number of feeders."""
    hosts = boundary_buses(distributions)
    feeders = tuple(feeder(number, bus) for number, bus in enumerate(hosts, start=1))
    stations = len(STATIONS) * distributions
    return System(
        name=f"t118d{distributions}",
        title=f"118-bus transmission system with {distributions} 33-bus feeders and {stations} EV "
        "stations",
        day=DAY,
        transmission=TRANSMISSION,
        feeders=feeders,
        feeder_prices=FEEDER_PRICES,
        sources=SOURCES,
        assumptions=ASSUMPTIONS,
        notice=NOTICE,
    )


def scale_case(
    *,
    distributions: int,
    scenarios: int | None = None,
    hours: int | None = None,
    seed: int = 0,
    wind_penetration: float | None = None,
) -> xr.DataTree:
    """Make the system ``t118dN``: ``t118d10`` with another number of feeders.

    A feeder is the same in systems of every size, as far as `scenarios` and `hours` are.

    Parameters
    ----------
    distributions : int
        Number N of feeders, 1 to 100.
    scenarios, hours, seed, wind_penetration : optional
        See :func:`ambigrid.cases.system.build_system`; those of ``t118d10`` if left out.

    Returns
    -------
    DataTree
        The case, checked.

    Raises
    ------
    InputError
        For a number outside its range.

    Examples
    --------
    >>> case = scale_case(distributions=2, scenarios=5, hours=12)
    >>> case.attrs["name"], case["transmission"].sizes["distribution"]
    ('t118d2', 2)
    """
    where = "scale_case/distributions"
    within(distributions, 1, MOST_FEEDERS, where=where, what="feeders")
    system = t118(distributions)
    tree = build_system(
        system, seed=seed, wind_penetration=wind_penetration, scenarios=scenarios, hours=hours
    )
    validate_case(tree, source=system.name)
    return tree


TRANSMISSION = Transmission(
    tables="118",
    parks=(
        WindPark("W16", "16", 350.0, "WP6"),
        WindPark("W35", "35", 400.0, "WP7"),
        WindPark("W49", "49", 1150.0, "WP12"),
        WindPark("W78", "78", 400.0, "WP8"),
        WindPark("W112", "112", 270.0, "WP5"),
    ),
    thermal=thermal_units(),
    prices=TRANSMISSION_PRICES,
    load_level=1.0,
    load_profiles=BULK_LOAD_PROFILES,
    replaced_load=3.715,
    boundary_limit=BOUNDARY_LIMIT,
)
T118D10 = t118(10)
