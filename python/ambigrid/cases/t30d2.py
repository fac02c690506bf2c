"""The built-in system ``t30d2``: a 30-bus transmission network with two 33-bus feeders.

After the case study of the EV-flexibility source document: thermal units at buses 1, 2, 27 (190 MW
in all), wind at 7, 11, 14 (122 MW), feeders at 15 and 23 with wind at 17, 24, 32 (3.14 MW each) and
EV stations at 11 buses. The document prints no costs, limits or profiles; what stands here in
their place is listed in ``ASSUMPTIONS`` and in the case's attributes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.cases.build import (
    BASE_MVA,
    Day,
    Feeder,
    WindPark,
    feeder_part,
    load_shapes,
    scaled_load,
    wind_part,
)
from ambigrid.cases.schema import SCHEMA_VERSION, group
from ambigrid.cases.tables import table
from ambigrid.errors import InputError

DAY = Day("2016-03-03")
MOST_SCENARIOS = 100
LOAD_LEVEL = 1.05
LOAD_PROFILES = ("hv_mixed1", "mv_semiurb", "hv_mixed1", "mv_urban", "mv_rural")
BOUNDARY_BUSES = ("15", "23")
STATIONS = ("6", "9", "12", "15", "17", "20", "22", "23", "28", "30", "32")
WIND = (
    WindPark("W7", "7", 40.0, "WP5"),
    WindPark("W11", "11", 46.0, "WP7"),
    WindPark("W14", "14", 36.0, "WP12"),
)
FEEDERS = (
    Feeder(
        name="distribution_1",
        parks=(
            WindPark("W17", "17", 0.44, "WP4"),
            WindPark("W24", "24", 1.80, "WP8"),
            WindPark("W32", "32", 0.90, "WP11"),
        ),
        stations=STATIONS,
        load_level=0.65,
        load_profiles=("lv_semiurb4", "mv_semiurb", "lv_urban6"),
        root_voltage=1.025,
        mean_sessions=160.0,
    ),
    Feeder(
        name="distribution_2",
        parks=(
            WindPark("W17", "17", 0.44, "WP10"),
            WindPark("W24", "24", 1.80, "WP6"),
            WindPark("W32", "32", 0.90, "WP3"),
        ),
        stations=STATIONS,
        load_level=0.60,
        load_profiles=("mv_comm", "lv_semiurb4", "mv_urban"),
        root_voltage=1.025,
        mean_sessions=150.0,
    ),
)

# Thermal units at buses 1, 2, 27; three cost segments each above the least power.
THERMAL: dict[str, Any] = {
    "generator_bus": ["1", "2", "27"],
    "power_min": [16.0, 12.0, 7.0],
    "power_max": [80.0, 65.0, 45.0],
    "ramp_up": [16.0, 13.0, 11.0],
    "ramp_down": [16.0, 13.0, 11.0],
    "segment_power": [[20.0, 22.0, 22.0], [17.0, 18.0, 18.0], [12.0, 13.0, 13.0]],
    "segment_cost": [[14.0, 16.0, 19.0], [17.0, 20.0, 24.0], [22.0, 27.0, 33.0]],
    "no_load_cost": [220.0, 190.0, 130.0],
    "reserve_cost_up": [12.0, 13.0, 15.0],
    "reserve_cost_down": [12.0, 13.0, 15.0],
    "reserve_max": [3.2, 2.6, 2.2],
    "deployment_cost_up": [20.0, 25.0, 35.0],
    "deployment_cost_down": [3.0, 4.0, 5.0],
}
PRICES: dict[str, Any] = {
    "curtailment_cost": 200.0,
    "shedding_cost": 1000.0,
    "network_slack_cost": 4000.0,
    "shedding_share": 0.3,
}
TRANSMISSION_PRICES: dict[str, Any] = {"boundary_deployment_cost": 5.0, **PRICES}
BOUNDARY_LIMIT = 5.0
TARIFF = np.array([60.0] * 7 + [110.0] * 3 + [160.0] * 5 + [110.0] * 3 + [160.0] * 4 + [110.0] * 2)
FEEDER_PRICES: dict[str, Any] = {
    "voltage_min": 0.95,
    "voltage_max": 1.05,
    "tariff": TARIFF,
    "ev_reserve_cost_up": [4.0] * len(STATIONS),
    "ev_reserve_cost_down": [3.0] * len(STATIONS),
    "ev_deployment_cost": [10.0] * len(STATIONS),
    "boundary_violation_cost": 1500.0,
    **PRICES,
}
ASSUMPTIONS = (
    # the day, its forecast and its scenarios
    "Day: 2016-03-03; the wind forecast is its measured profile smoothed over 5 h, so that wind "
    "energy is about 45 % of load energy; forecast and loads are the same for every data seed.",
    "Loads: means of the weekdays within two weeks of the day, SimBench profiles dealt out to the "
    "buses in turn; the 30-bus loads peak at 1.05 times, the feeders at 0.65 and 0.60 times the "
    "sum of the published peaks; published power factors.",
    "The load of buses 15 and 23 is replaced by the feeders.",
    "Forecast errors: SimBench has no forecasts; see ambigrid.cases.forecast_errors. Synoptic "
    "error 0.14 of capacity at half load, memory 0.8 per hour, correlation 0.3 between units; the "
    "resulting standard deviation is 10-13 % of capacity (single farms, day ahead: 10-20 %).",
    "Scenarios: forecast plus the standardised errors of other days of 2016, clipped to "
    "[0, capacity]; even days of the year are clustered to 20 medoids weighted by cluster share, "
    "odd days are held out. Medoids narrow the spread: their weighted standard deviation is about "
    "a quarter below that of the held-out days. renewable_forecast is the model's forecast, not "
    "the scenarios' mean.",
    "Wind: 40, 46, 36 MW at buses 7, 11, 14; 0.44, 1.80, 0.90 MW at buses 17, 24, 32 of each "
    "feeder, read as 3.14 MW per feeder; unity power factor.",
    # transmission
    "Thermal units: 80, 65, 45 MW at buses 1, 2, 27, all committed, least power about a fifth; "
    "fuel costs of 14-33 $/MWh in three segments (coal and gas: 15-60).",
    "Ramps: a fifth to a quarter of the largest power per hour (steam units: 0.2-1 per hour); "
    "reserve: what 12 minutes of ramp give, 8 MW in all, at 12-15 $/MW and h (markets: 5-30), so "
    "that flexibility is scarce as in the source document.",
    "Line ratings: as published with the 30-bus system, DC power flow.",
    # feeders
    "Feeders: root voltage 1.025 p.u., constant; at the published load and 1.0 p.u. the voltage "
    "would fall to 0.913. Load levels and wind siting are chosen so that LinDistFlow voltages at "
    "forecast stay within 0.955-1.04 p.u., up to 0.70 wind penetration within 0.95-1.05.",
    "Feeder ratings (none are published): 6 MVA up to bus 6, 3 MVA beyond, 2.5 MVA on branches.",
    # stations
    "Stations: 160 and 150 sessions per station and day in the two feeders, half of them "
    "overnight; chargers of 6.656 kW that can discharge; batteries of 60 kWh, 90 % full at "
    "departure when what was asked for is delivered. No losses.",
    "Baseline: delivers what was asked for, charges only, at least cost under a tariff of 60, 110, "
    "160 $/MWh.",
    "Regulation: a car may leave with up to 12 kWh less than asked for, never emptier than it "
    "came, and with a fuller battery; session_energy is this guaranteed need, session_request what "
    "was asked for.",
    "EV reserve 4 (up) and 3 (down) $/MW and h, regulation energy 10 $/MWh (shifted charging "
    "costs little, battery wear 20-60), called boundary reserve 5 $/MWh to the transmission "
    "operator.",
    "Boundary reserve: at most 5 MW per feeder and direction, the rating of its transformer.",
    # penalties
    "Curtailment 200, shedding 1000 (values of lost load: 1,000-10,000), boundary violation 1500, "
    "network slack 4000 $/MWh; at most 30 % of each load can be shed.",
)
SOURCES = (
    "30-bus network: pandapower case30 after Alsac and Stott 1974.",
    "33-bus feeder: pandapower case33bw after Baran and Wu 1989.",
    "Wind and load profiles: SimBench 1.6.3, hourly means of 2016.",
)
NOTICE = (
    "Contains information from SimBench (https://simbench.de), made available under the Open "
    "Database License (ODbL) 1.0, https://opendatacommons.org/licenses/odbl/1.0/."
)


def build_t30d2(
    seed: int = 0, wind_penetration: float | None = None, scenarios: int | None = None
) -> xr.DataTree:
    """Make the system ``t30d2``.

    Parameters
    ----------
    seed : int
        Data seed: forecast errors, clustering and charging sessions; the forecast, the loads and
        the networks are the same for every seed.
    wind_penetration : float, optional
        Forecast wind energy over load energy (EV charging included) of the whole system, in
        (0, 1]; all wind capacities are scaled to reach it. As documented (about 0.45) if left out.
    scenarios : int, optional
        In-sample scenarios per operator, 1 to 100; 20 if left out. They are drawn anew, and the
        charging sessions with them.

    Returns
    -------
    DataTree
        Groups ``transmission``, ``distribution_1``, ``distribution_2``.

    Raises
    ------
    InputError
        For a penetration outside (0, 1], or another number of scenarios.
    """
    if wind_penetration is not None and not 0.0 < wind_penetration <= 1.0:
        raise InputError(
            "the wind penetration must lie in (0, 1]",
            where="t30d2/wind_penetration",
            got=wind_penetration,
            fix="give the share of wind energy in load energy, e.g. 0.45",
        )
    day = DAY if scenarios is None else _day_with(scenarios)
    groups = _groups(seed, 1.0, day)
    if wind_penetration is not None:
        groups = _groups(seed, wind_penetration / penetration(groups), day)
    attrs = {
        "name": "t30d2",
        "title": "30-bus transmission system with two 33-bus feeders and 22 EV stations",
        "schema_version": SCHEMA_VERSION,
        "base_mva": BASE_MVA,
        "step_hours": 1.0,
        "seed": seed,
        "wind_penetration": round(penetration(groups), 6),
        "sources": "\n".join(SOURCES),
        "assumptions": "\n".join(ASSUMPTIONS),
        "notice": NOTICE,
    }
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in groups.items()})
    tree.attrs.update(attrs)
    return tree


def penetration(groups: dict[str, xr.Dataset]) -> float:
    """Forecast wind energy over load energy, EV baseline included, over all groups."""
    wind = sum(float(g["renewable_forecast"].sum()) for g in groups.values())
    load = sum(
        float(g[name].sum())
        for g in groups.values()
        for name in ("load", "load_active", "ev_baseline")
        if name in g
    )
    return wind / load


def _day_with(scenarios: int) -> Day:
    if not 1 <= scenarios <= MOST_SCENARIOS:
        raise InputError(
            f"the number of scenarios must lie between 1 and {MOST_SCENARIOS}",
            where="t30d2/scenarios",
            got=scenarios,
            fix="give a number such as 20",
        )
    return replace(DAY, scenarios=scenarios)


def _groups(seed: int, wind_scale: float, day: Day) -> dict[str, xr.Dataset]:
    streams = np.random.SeedSequence(seed).spawn(1 + len(FEEDERS))
    rngs = [np.random.default_rng(stream) for stream in streams]
    groups = {"transmission": _transmission(wind_scale, day, rngs[0])}
    for feeder, rng in zip(FEEDERS, rngs[1:], strict=True):
        scaled = replace(feeder, parks=_scaled(feeder.parks, wind_scale))
        groups[feeder.name] = feeder_part(scaled, day, FEEDER_PRICES, rng)
    return groups


def _transmission(wind_scale: float, day: Day, rng: np.random.Generator) -> xr.Dataset:
    buses, lines = table("bus30"), table("line30")
    wind = wind_part(_scaled(WIND, wind_scale), day, rng)
    coords = wind.pop("coords")
    peaks = buses["load_active_mw"].to_numpy() * ~buses["bus"].isin(BOUNDARY_BUSES).to_numpy()
    shapes = load_shapes(list(buses["bus"]), LOAD_PROFILES, day)
    values = {
        "load": scaled_load(peaks, shapes, LOAD_LEVEL),
        "line_from": lines["from_bus"],
        "line_to": lines["to_bus"],
        "line_reactance": lines["reactance_pu_100mva"],
        "line_flow_limit": lines["rating_mw"],
        "boundary_bus": list(BOUNDARY_BUSES),
        "boundary_limit": [BOUNDARY_LIMIT] * len(BOUNDARY_BUSES),
        **THERMAL,
        **wind,
        **TRANSMISSION_PRICES,
    }
    coords |= {
        "bus": buses["bus"].to_numpy(object),
        "line": lines["line"].to_numpy(object),
        "time": day.time,
        "generator": np.array([f"G{bus}" for bus in THERMAL["generator_bus"]], dtype=object),
        "segment": np.arange(3),
        "distribution": np.array([feeder.name for feeder in FEEDERS], dtype=object),
    }
    return group("transmission", values, coords, name="transmission")


def _scaled(parks: tuple[WindPark, ...], scale: float) -> tuple[WindPark, ...]:
    return tuple(replace(park, capacity=park.capacity * scale) for park in parks)
