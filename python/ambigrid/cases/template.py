"""A small case to edit: a folder of commented tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.cases.folder import (
    GROUP_ATTRIBUTES,
    SEGMENTS,
    SETTINGS,
    TABLES,
    file_of,
)
from ambigrid.cases.schema import KINDS, SCHEMA_VERSION, Variable, group
from ambigrid.cases.sessions import generate_sessions
from ambigrid.errors import InputError

_STATIONS = ("E3", "E4")
_GROUP_NOTES = {
    "root_bus": "bus at which the feeder hangs on the transmission network",
    "base_kv": "rated voltage, kV",
}


def write_template(path: str | Path) -> None:
    """Write a small commented case as a folder: three buses, one feeder, two stations, one day.

    Edit the tables, then load the folder with :func:`ambigrid.cases.load_case`.

    Parameters
    ----------
    path : str or Path
        Folder to make; it must not exist or be empty.

    Raises
    ------
    InputError
        When there is something at `path` already.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "there is something at this path already",
            where=str(folder),
            fix="name a folder that does not exist yet",
        )
    groups = {"transmission": _transmission(), "distribution_1": _distribution()}
    for name, data in groups.items():
        (folder / name).mkdir(parents=True)
        for stem in sorted(_stems(data)):
            text = _comment(data, stem) + _table(data, stem).to_csv(index=False)
            (folder / name / f"{stem}.csv").write_text(text, encoding="utf-8")
    (folder / SETTINGS).write_text(_settings(groups), encoding="utf-8")


def _stems(data: xr.Dataset) -> set[str]:
    declared = KINDS[data.attrs["kind"]]
    return {file_of(str(name), declared[str(name)]) for name in data.data_vars} - {""}


def _variables(data: xr.Dataset, stem: str) -> dict[str, Variable]:
    declared = KINDS[data.attrs["kind"]]
    return {
        str(name): declared[str(name)]
        for name in data.data_vars
        if file_of(str(name), declared[str(name)]) == stem
    }


def _comment(data: xr.Dataset, stem: str) -> str:
    """Lines that say what rows and columns hold, and in which unit."""
    variables = _variables(data, stem)
    dims = next(iter(variables.values())).dims
    if stem in TABLES.values() or stem == SEGMENTS:
        lines = [f"One row per {' and '.join(dims)}."]
        lines += [f"{name}: {v.long_name}{_unit(v)}" for name, v in variables.items()]
    else:
        rows = " and ".join(dim for dim in dims if dim != dims[-2])
        lines = [f"{stem}: {variables[stem].long_name}{_unit(variables[stem])}"]
        lines += [f"One row per {rows}, one column per {dims[-2]}."]
    return "".join(f"# {line}\n" for line in lines)


def _unit(declared: Variable) -> str:
    if declared.kind == "instant":
        return ", YYYY-MM-DDThh:mm:ss"
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("at least", declared.minimum), ("at most", declared.maximum))
        if np.isfinite(limit)
    ]
    unit = [declared.units] if declared.units not in ("", "1") else []
    return "".join(f", {part}" for part in unit + limits)


def _table(data: xr.Dataset, stem: str) -> pd.DataFrame:
    variables = list(_variables(data, stem))
    dims = data[variables[0]].dims
    if stem in TABLES.values() or stem == SEGMENTS:
        table = data[variables].to_dataframe()
    else:
        rows = [str(dim) for dim in dims if dim != dims[-2]]
        table = data[stem].to_series().unstack(str(dims[-2]))
        table = table.reorder_levels(rows) if len(rows) > 1 else table
        table = table[list(data[str(dims[-2])].to_numpy())]
    table = table.reset_index()
    for name in table.columns:
        if pd.api.types.is_datetime64_any_dtype(table[name]):
            table[name] = table[name].dt.strftime("%Y-%m-%dT%H:%M:%S")
        elif pd.api.types.is_float_dtype(table[name]):
            table[name] = table[name].round(6)
    return table


def _settings(groups: dict[str, xr.Dataset]) -> str:
    """Text of ``case.toml``."""
    lines = [
        "# A small case to edit. Every table in this file is a group of the case: one",
        "# transmission network and any number of feeders; each has a folder of CSV tables.",
        "# Lines that begin with # are comments, here and in the tables.",
        "",
        "[case]",
        'name = "my-case"',
        'title = "A small system to edit"',
        f"schema_version = {SCHEMA_VERSION}",
        "base_mva = 100.0   # power base of all values in p.u., MVA",
        "step_hours = 1.0   # length of a time step, h",
        'sources = "figures made up for this template"',
        'assumptions = "write here what you assume, one line each"',
    ]
    for name, data in groups.items():
        lines += ["", f"[{name}]", f'kind = "{data.attrs["kind"]}"']
        for key in GROUP_ATTRIBUTES[1:]:
            if key in data.attrs:
                value = data.attrs[key]
                text = f'"{value}"' if isinstance(value, str) else f"{value}"
                lines.append(f"{key} = {text}   # {_GROUP_NOTES[key]}")
        for key, declared in _variables(data, "").items():
            lines.append(f"{key} = {float(data[key])}   # {declared.long_name}{_unit(declared)}")
    return "\n".join(lines) + "\n"


# --- the figures of the template ---------------------------------------------------------------

_TIME = pd.date_range("2030-01-15", periods=24, freq="h", unit="ns")
_HOUR = np.arange(24)
_SHAPE = 0.7 + 0.3 * np.sin((_HOUR - 9) / 24 * 2 * np.pi) ** 2
_WIND = 0.5 + 0.2 * np.cos((_HOUR - 15) / 24 * 2 * np.pi)
_ERRORS = np.array([-0.15, 0.02, 0.14])
_PRICES: dict[str, Any] = {
    "curtailment_cost": 100.0,
    "shedding_cost": 1000.0,
    "network_slack_cost": 4000.0,
    "shedding_share": 0.3,
}


def _wind(bus: str, unit: str, capacity: float) -> tuple[dict[str, Any], dict[str, Any]]:
    samples = np.clip(_WIND + _ERRORS[:, None, None], 0.0, 1.0)
    values = {
        "renewable_bus": [bus],
        "renewable_capacity": [capacity],
        "renewable_forecast": capacity * _WIND[None, :],
        "renewable_samples": capacity * samples,
        "weight": [0.25, 0.5, 0.25],
    }
    coords = {"unit": _text(unit), "scenario": np.arange(len(_ERRORS)), "time": _TIME}
    return values, coords


def _transmission() -> xr.Dataset:
    wind, coords = _wind("3", "W3", 40.0)
    values = {
        "load": np.array([20.0, 60.0, 0.0])[:, None] * _SHAPE,
        "line_from": ["1", "1", "2"],
        "line_to": ["2", "3", "3"],
        "line_reactance": [0.1, 0.12, 0.15],
        "line_flow_limit": [80.0, 60.0, 60.0],
        "generator_bus": ["1", "2"],
        "power_min": [10.0, 5.0],
        "power_max": [70.0, 40.0],
        "ramp_up": [20.0, 15.0],
        "ramp_down": [20.0, 15.0],
        "segment_power": [[30.0, 30.0], [20.0, 15.0]],
        "segment_cost": [[18.0, 24.0], [28.0, 40.0]],
        "no_load_cost": [200.0, 150.0],
        "reserve_cost_up": [10.0, 12.0],
        "reserve_cost_down": [10.0, 12.0],
        "reserve_max": [3.0, 2.0],
        "deployment_cost_up": [24.0, 40.0],
        "deployment_cost_down": [3.0, 4.0],
        "boundary_deployment_cost": 5.0,
        "boundary_bus": ["3"],
        "boundary_limit": [3.0],
        **wind,
        **_PRICES,
    }
    labels = {"bus": ("1", "2", "3"), "line": ("L1", "L2", "L3"), "generator": ("G1", "G2")}
    coords |= {dim: _text(*names) for dim, names in labels.items()}
    coords |= {"segment": np.arange(2), "distribution": _text("distribution_1")}
    return group("transmission", values, coords)


def _distribution() -> xr.Dataset:
    wind, coords = _wind("4", "W4", 1.0)
    sessions = _sessions()
    values = {
        "load_active": np.array([0.0, 0.8, 0.6, 0.6])[:, None] * _SHAPE,
        "load_reactive": np.array([0.0, 0.3, 0.2, 0.2])[:, None] * _SHAPE,
        "line_from": ["1", "2", "2"],
        "line_to": ["2", "3", "4"],
        "line_resistance": [0.2, 0.4, 0.4],
        "line_reactance": [0.15, 0.3, 0.3],
        "line_power_limit": [5.0, 2.0, 2.0],
        "root_voltage": 1.02,
        "voltage_min": 0.95,
        "voltage_max": 1.05,
        "station_bus": ["3", "4"],
        "tariff": np.where(_HOUR < 7, 60.0, np.where(_HOUR < 17, 110.0, 150.0)),
        "ev_reserve_cost_up": [4.0, 4.0],
        "ev_reserve_cost_down": [3.0, 3.0],
        "ev_deployment_cost": [10.0, 10.0],
        "boundary_violation_cost": 1500.0,
        **{str(name): sessions[name].to_numpy() for name in sessions.data_vars},
        **wind,
        **_PRICES,
    }
    coords |= {"bus": _text("1", "2", "3", "4"), "line": _text("1-2", "2-3", "2-4")}
    coords |= {"station": _text(*_STATIONS), "session": sessions["session"].to_numpy()}
    return group("distribution", values, coords, root_bus="1", base_kv=12.66)


def _sessions() -> xr.Dataset:
    """Sessions in figures that a person would write: minutes and kWh."""
    drawn = generate_sessions(np.random.default_rng(0), _STATIONS, _TIME, mean_sessions=25.0)
    arrival = drawn["session_arrival"].dt.ceil("min")
    departure = drawn["session_departure"].dt.floor("min")
    most = 0.9 * drawn["session_power_max"] * ((departure - arrival) / np.timedelta64(1, "h"))
    rounded = drawn.assign(
        session_arrival=arrival,
        session_departure=departure,
        session_energy=np.floor(1e3 * np.minimum(drawn["session_energy"], most)) / 1e3,
        session_initial=np.floor(1e3 * drawn["session_initial"]) / 1e3,
    )
    stays = (departure - arrival) >= np.timedelta64(30, "m")
    rounded = rounded.isel(session=np.flatnonzero(stays))
    return rounded.assign_coords(session=np.arange(rounded.sizes["session"]))


def _text(*labels: str) -> np.ndarray:
    return np.array(labels, dtype=object)
