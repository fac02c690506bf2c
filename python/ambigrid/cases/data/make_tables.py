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

# Ratings published with the 118-bus system, MW; pandapower's case118 has none that bind.
USUAL_RATING_118 = 175.0
OTHER_RATINGS_118 = {
    140.0: {"23-32"},
    200.0: {"77-82", "82-83", "80-99"},
    500.0: {
        "4-5",
        "8-9",
        "8-5",
        "9-10",
        "15-17",
        "23-25",
        "26-25",
        "25-27",
        "30-17",
        "26-30",
        "34-37",
        "38-37",
        "60-61",
        "63-59",
        "63-64",
        "64-61",
        "38-65",
        "64-65",
        "49-66",
        "65-66",
        "65-68",
        "68-69",
        "69-70",
        "69-75",
        "77-80",
        "68-81",
        "81-80",
        "85-86",
        "86-87",
        "88-89",
        "89-90",
        "89-92",
        "100-103",
        "32-113",
        "68-116",
    },
}


def bus_table(net: Any) -> pd.DataFrame:
    """Buses with their peak load in MW and MVAr, labels as in the published case."""
    load: pd.DataFrame = net.load.groupby("bus")[["p_mw", "q_mvar"]].sum()
    table: pd.DataFrame = load.reindex(net.bus.index, fill_value=0.0)
    table.insert(0, "bus", net.bus.index + 1)
    return table.rename(columns={"p_mw": "load_active_mw", "q_mvar": "load_reactive_mvar"})


def transmission_lines(net: Any) -> pd.DataFrame:
    """Branches with reactance in p.u. on 100 MVA and the rating in MW; no phase shifts."""
    voltage = net.bus.vn_kv.loc[net.line.from_bus].to_numpy()
    lines = pd.DataFrame(
        {
            "from_bus": net.line.from_bus + 1,
            "to_bus": net.line.to_bus + 1,
            "reactance_pu_100mva": net.line.x_ohm_per_km * net.line.length_km * 100.0 / voltage**2,
            "rating_mw": np.sqrt(3) * net.line.max_i_ka * voltage,
        }
    )
    trafo = net.trafo
    reactance = np.sqrt(trafo.vk_percent**2 - trafo.vkr_percent**2) / trafo.sn_mva
    transformers = pd.DataFrame(
        {
            "from_bus": trafo.hv_bus + 1,
            "to_bus": trafo.lv_bus + 1,
            "reactance_pu_100mva": reactance,
            "rating_mw": trafo.sn_mva,
        }
    )
    table = pd.concat([lines, transformers], ignore_index=True)
    table.insert(0, "line", [f"L{number}" for number in range(1, len(table) + 1)])
    return table.round({"reactance_pu_100mva": 6, "rating_mw": 3})


def with_ratings_118(lines: pd.DataFrame) -> pd.DataFrame:
    """Put the published ratings of the 118-bus system in the place of pandapower's."""
    rating = {
        frozenset(pair.split("-")): value
        for value, pairs in OTHER_RATINGS_118.items()
        for pair in pairs
    }
    ends = [frozenset(map(str, pair)) for pair in lines[["from_bus", "to_bus"]].to_numpy()]
    missing = [set(pair) for pair in rating if pair not in ends]
    assert not missing, missing
    return lines.assign(rating_mw=[rating.get(pair, USUAL_RATING_118) for pair in ends])


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
    case118 = pandapower.networks.case118()
    bus_table(case118).to_csv(HERE / "bus118.csv", index=False)
    lines118 = with_ratings_118(transmission_lines(case118))
    lines118.to_csv(HERE / "line118.csv", index=False)
    bus_table(case33).to_csv(HERE / "bus33.csv", index=False)
    feeder_lines(case33).to_csv(HERE / "line33.csv", index=False)
    dataset = profiles()
    compression = {name: {"zlib": True, "complevel": 9} for name in dataset.data_vars}
    dataset.to_netcdf(HERE / "simbench_2016.nc", engine="h5netcdf", encoding=compression)


if __name__ == "__main__":
    main()
