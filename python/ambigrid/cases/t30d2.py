"""The built-in system ``t30d2``: a 30-bus transmission network with two 33-bus feeders.

After the case study of the EV-flexibility source document: thermal units at buses 1, 2, 27 (190 MW
in all), wind at 7, 11, 14 (122 MW), feeders at 15 and 23 with wind at 17, 24, 32 (3.14 MW each) and
EV stations at 11 buses. The document prints no costs, limits or profiles; what stands here in
their place is listed in the system's assumptions and in the case's attributes.
"""

from __future__ import annotations

import math
from typing import Any

from ambigrid.cases.build import Feeder, WindPark
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
from ambigrid.cases.system import System, Transmission

FEEDERS = (
    Feeder(
        name="distribution_1",
        boundary_bus="15",
        parks=feeder_parks("WP4", "WP8", "WP11"),
        stations=STATIONS,
        load_level=0.65,
        load_profiles=("lv_semiurb4", "mv_semiurb", "lv_urban6"),
        root_voltage=1.025,
        mean_sessions=160.0,
    ),
    Feeder(
        name="distribution_2",
        boundary_bus="23",
        parks=feeder_parks("WP10", "WP6", "WP3"),
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
TRANSMISSION = Transmission(
    tables="30",
    parks=(
        WindPark("W7", "7", 40.0, "WP5"),
        WindPark("W11", "11", 46.0, "WP7"),
        WindPark("W14", "14", 36.0, "WP12"),
    ),
    thermal=THERMAL,
    prices=TRANSMISSION_PRICES,
    load_level=1.05,
    load_profiles=BULK_LOAD_PROFILES,
    replaced_load=math.inf,
    boundary_limit=BOUNDARY_LIMIT,
)
T30D2 = System(
    name="t30d2",
    title="30-bus transmission system with two 33-bus feeders and 22 EV stations",
    day=DAY,
    transmission=TRANSMISSION,
    feeders=FEEDERS,
    feeder_prices=FEEDER_PRICES,
    sources=(
        "30-bus network: pandapower case30 after Alsac and Stott 1974.",
        FEEDER_SOURCE,
        PROFILE_SOURCE,
    ),
    assumptions=(
        DAY_NOTE,
        "Loads: means of the weekdays within two weeks of the day, SimBench profiles dealt out to "
        "the buses in turn; the 30-bus loads peak at 1.05 times, the feeders at 0.65 and 0.60 "
        "times the sum of the published peaks; published power factors.",
        "The load of buses 15 and 23 is replaced by the feeders.",
        *UNCERTAINTY_NOTES,
        "Wind: 40, 46, 36 MW at buses 7, 11, 14; 0.44, 1.80, 0.90 MW at buses 17, 24, 32 of each "
        "feeder, read as 3.14 MW per feeder; unity power factor.",
        "Thermal units: 80, 65, 45 MW at buses 1, 2, 27, all committed, least power about a "
        "fifth; fuel costs of 14-33 $/MWh in three segments (coal and gas: 15-60).",
        "Ramps: a fifth to a quarter of the largest power per hour (steam units: 0.2-1 per hour); "
        "reserve: what 12 minutes of ramp give, 8 MW in all, at 12-15 $/MW and h (markets: 5-30), "
        "so that flexibility is scarce as in the source document.",
        "Line ratings: as published with the 30-bus system, DC power flow.",
        "Feeders: root voltage 1.025 p.u., constant; at the published load and 1.0 p.u. the "
        "voltage would fall to 0.913. Load levels and wind siting are chosen so that LinDistFlow "
        "voltages at forecast stay within 0.955-1.04 p.u., up to 0.70 wind penetration within "
        "0.95-1.05.",
        RATING_NOTE,
        f"Stations: 160 and 150 sessions per station and day in the two feeders, {CARS_NOTE}",
        *STATION_NOTES,
        PENALTY_NOTE,
    ),
    notice=NOTICE,
)
