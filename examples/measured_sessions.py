"""Charging stations from measured sessions: envelope, cheapest profile, and back to the cars.

    python measured_sessions.py [sessions.csv] [day]

A file needs the columns station, arrival, departure and delivered_kwh, as the ACN data of the
Caltech and JPL garages have (Lee, Li, Low 2019, CC BY 4.0). Without one, a small file is made.
"""

import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import xarray as xr

import ambigrid as ag
from ambigrid.cases.envelopes import baseline_charging

DAY = "2019-05-01"
TARIFF = np.array([60.0] * 7 + [110.0] * 3 + [160.0] * 5 + [110.0] * 3 + [160.0] * 4 + [110.0] * 2)


def write_sessions(path: Path, count: int = 60) -> Path:
    """Make a file of one working day with eight chargers, times on the local clock."""
    random = np.random.default_rng(3)
    arrival = pd.Timestamp(DAY) + pd.to_timedelta(random.normal(8.5, 1.2, count).round(2), "h")
    stay = pd.to_timedelta(random.uniform(2.0, 9.0, count).round(2), "h")
    table = pd.DataFrame(
        {
            "station": [f"charger-{k % 8}" for k in range(count)],
            "arrival": arrival,
            "departure": arrival + stay,
            "delivered_kwh": random.gamma(2.0, 5.0, count).round(2),
        }
    )
    table.to_csv(path, index=False)
    return path


def main(csv: Path, day: str = DAY) -> xr.Dataset:
    """Print what the stations can do and what a profile comes to for their cars."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        stations = ag.stations_from_sessions(csv, day=day, stations=["north", "south"])
    print(*(str(warning.message) for warning in said), sep="\n")

    tariff = xr.DataArray(TARIFF, {"time": stations["time"]}, ("time",))
    profile = baseline_charging(stations, tariff, step_hours=1.0)
    assigned = ag.disaggregate(profile, stations)
    owner = stations["session_station"]
    table = pd.DataFrame(
        {
            "sessions": owner.to_series().value_counts(),
            "need kWh": 1e3 * stations["session_energy"].groupby(owner).sum().to_series(),
            "unserved kWh": 1e3 * assigned["session_unserved"].groupby(owner).sum().to_series(),
            "highest kW": 1e3 * profile.max("time").to_series(),
            "most it could draw kW": 1e3 * stations["ev_power_max"].max("time").to_series(),
            "paid $": (profile * tariff).sum("time").to_series(),
        }
    )
    print(table.round(2).to_string())
    return assigned


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), *sys.argv[2:3])
    else:
        with TemporaryDirectory() as folder:
            main(write_sessions(Path(folder) / "sessions.csv"))
