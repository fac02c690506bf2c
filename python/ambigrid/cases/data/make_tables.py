"""Extract the tables beside this file from pandapower and SimBench.

Run once by hand (``python make_tables.py``) with ``pip install pandapower simbench``; nothing in
the package imports it. Sources and licences are in ``README.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandapower.networks
import pandas as pd
import simbench
import xarray as xr

HERE = Path(__file__).parent
WIND = [f"WP{number}" for number in range(1, 13)]
LOADS = ["mv_rural", "mv_semiurb", "mv_urban", "mv_comm", "lv_semiurb4", "lv_urban6", "hv_mixed1"]
COUNTS = 10_000  # profiles are stored as integers, 1e-4 of the peak


def bus_table(net: Any) -> pd.DataFrame:
    """Buses with their peak load in MW and MVAr, labels as in the published case."""
    load: pd.DataFrame = net.load.groupby("bus")[["p_mw", "q_mvar"]].sum()
    table: pd.DataFrame = load.reindex(net.bus.index, fill_value=0.0)
    table.insert(0, "bus", net.bus.index + 1)
    return table.rename(columns={"p_mw": "load_active_mw", "q_mvar": "load_reactive_mvar"})


def transmission_lines(net: Any) -> pd.DataFrame:
    """Branches with reactance in p.u. on 100 MVA and the rating in MW."""
    voltage = net.bus.vn_kv.iloc[0]
    rating = np.sqrt(3) * net.line.max_i_ka * voltage
    reactance = net.line.x_ohm_per_km * net.line.length_km * 100.0 / voltage**2
    return pd.DataFrame(
        {
            "line": [f"L{number}" for number in range(1, len(net.line) + 1)],
            "from_bus": net.line.from_bus + 1,
            "to_bus": net.line.to_bus + 1,
            "reactance_pu_100mva": reactance.round(6),
            "rating_mw": rating.round(3),
        }
    )


def feeder_lines(net: Any) -> pd.DataFrame:
    """Lines in service with resistance and reactance in ohm, away from the root."""
    line = net.line[net.line.in_service]
    ends: pd.DataFrame = line[["from_bus", "to_bus"]] + 1
    ends.insert(0, "line", [f"{a}-{b}" for a, b in ends.to_numpy()])
    ends["resistance_ohm"] = line.r_ohm_per_km * line.length_km
    ends["reactance_ohm"] = line.x_ohm_per_km * line.length_km
    return ends


def profiles() -> xr.Dataset:
    """Hourly means of the 15-minute profiles of 2016: wind of capacity, load of its yearly peak."""
    net = simbench.get_simbench_net("1-complete_data-mixed-all-0-sw")
    data = {}
    for name, table, columns in (
        ("wind", net.profiles["renewables"], WIND),
        ("load", net.profiles["load"], [f"{column}_pload" for column in LOADS]),
    ):
        values = table[columns].to_numpy(float).reshape(-1, 4, len(columns)).mean(axis=1)
        values = values / values.max(axis=0) if name == "load" else values
        labels = [column.removesuffix("_pload") for column in columns]
        counts = np.rint(values * COUNTS).astype("int16")
        data[name] = xr.DataArray(
            counts, dims=("hour", f"{name}_profile"), coords={f"{name}_profile": labels}
        )
        data[name].attrs.update(units=f"{1 / COUNTS:g}", long_name=f"{name}, hourly mean, per unit")
    dataset = xr.Dataset(data, attrs={"first_hour": "2016-01-01T00:00", "licence": "ODbL 1.0"})
    return dataset


def main() -> None:
    """Write all tables."""
    case30, case33 = pandapower.networks.case30(), pandapower.networks.case33bw()
    bus_table(case30).to_csv(HERE / "bus30.csv", index=False)
    transmission_lines(case30).to_csv(HERE / "line30.csv", index=False)
    bus_table(case33).to_csv(HERE / "bus33.csv", index=False)
    feeder_lines(case33).to_csv(HERE / "line33.csv", index=False)
    dataset = profiles()
    compression = {name: {"zlib": True, "complevel": 9} for name in dataset.data_vars}
    dataset.to_netcdf(HERE / "simbench_2016.nc", engine="h5netcdf", encoding=compression)


if __name__ == "__main__":
    main()
