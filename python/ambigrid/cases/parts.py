"""What the built-in systems have in common: the day, prices, EV stations, and what is assumed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ambigrid.cases.build import Day, WindPark

DAY = Day("2016-03-03")
BULK_LOAD_PROFILES = ("hv_mixed1", "mv_semiurb", "hv_mixed1", "mv_urban", "mv_rural")
STATIONS = ("6", "9", "12", "15", "17", "20", "22", "23", "28", "30", "32")
FEEDER_WIND = {"W17": ("17", 0.44), "W24": ("24", 1.80), "W32": ("32", 0.90)}  # bus, MW
BOUNDARY_LIMIT = 5.0

PRICES: dict[str, Any] = {
    "curtailment_cost": 200.0,
    "shedding_cost": 1000.0,
    "network_slack_cost": 4000.0,
    "shedding_share": 0.3,
}
TRANSMISSION_PRICES: dict[str, Any] = {"boundary_deployment_cost": 5.0, **PRICES}
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

DAY_NOTE = (
    "Day: 2016-03-03; the wind forecast is its measured profile smoothed over 5 h, so that wind "
    "energy is about 45 % of load energy; forecast and loads are the same for every data seed."
)
UNCERTAINTY_NOTES = (
    "Forecast errors: SimBench has no forecasts; see ambigrid.cases.forecast_errors. Synoptic "
    "error 0.14 of capacity at half load, memory 0.8 per hour, correlation 0.3 between units; the "
    "resulting standard deviation is 10-13 % of capacity (single farms, day ahead: 10-20 %).",
    "Scenarios: forecast plus the standardised errors of other days of 2016, clipped to "
    "[0, capacity]; even days of the year are clustered to 20 medoids weighted by cluster share, "
    "odd days are held out. Medoids narrow the spread: their weighted standard deviation is about "
    "a quarter below that of the held-out days. renewable_forecast is the model's forecast, not "
    "the scenarios' mean.",
)
RATING_NOTE = (
    "Feeder ratings (none are published): 6 MVA up to bus 6, 3 MVA beyond, 2.5 MVA on branches."
)
CARS_NOTE = (
    "half of them overnight; chargers of 6.656 kW that can discharge; batteries of 60 kWh, 90 % "
    "full at departure when what was asked for is delivered. No losses."
)
STATION_NOTES = (
    "Baseline: delivers what was asked for, charges only, at least cost under a tariff of 60, 110, "
    "160 $/MWh.",
    "Regulation: a car may leave with up to 12 kWh less than asked for, never emptier than it "
    "came, and with a fuller battery; session_energy is this guaranteed need, session_request what "
    "was asked for.",
    "EV reserve 4 (up) and 3 (down) $/MW and h, regulation energy 10 $/MWh (shifted charging "
    "costs little, battery wear 20-60), called boundary reserve 5 $/MWh to the transmission "
    "operator.",
    "Boundary reserve: at most 5 MW per feeder and direction, the rating of its transformer.",
)
PENALTY_NOTE = (
    "Curtailment 200, shedding 1000 (values of lost load: 1,000-10,000), boundary violation 1500, "
    "network slack 4000 $/MWh; at most 30 % of each load can be shed."
)
FEEDER_SOURCE = "33-bus feeder: pandapower case33bw after Baran and Wu 1989."
PROFILE_SOURCE = "Wind and load profiles: SimBench 1.6.3, hourly means of 2016."
NOTICE = (
    "Contains information from SimBench (https://simbench.de), made available under the Open "
    "Database License (ODbL) 1.0, https://opendatacommons.org/licenses/odbl/1.0/."
)


def feeder_parks(*profiles: str) -> tuple[WindPark, ...]:
    """Make the three wind units of a 33-bus feeder, each with its SimBench profile."""
    return tuple(
        WindPark(unit, bus, capacity, profile)
        for (unit, (bus, capacity)), profile in zip(FEEDER_WIND.items(), profiles, strict=True)
    )
