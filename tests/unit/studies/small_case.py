"""A hand-sized case: three buses, two units, one wind park; one feeder with two stations."""

import numpy as np
import xarray as xr

from ambigrid.cases.schema import SCHEMA_VERSION, group


def make_case(steps: int = 3, step_hours: float = 1.0, **changes: object) -> xr.DataTree:
    """Build the case; `changes` replace variables of the feeder, energies follow the step."""
    start = np.datetime64("2030-01-01T00:00", "ns")
    time = start + np.arange(steps) * np.timedelta64(round(60 * step_hours), "m")
    groups = {
        "/": xr.Dataset(attrs=_root(step_hours)),
        "transmission": _transmission(time),
        "distribution_1": _feeder(time, step_hours).assign(changes),
    }
    return xr.DataTree.from_dict(groups)


def _root(step_hours: float) -> dict[str, object]:
    return {
        "name": "small",
        "title": "hand-sized",
        "schema_version": SCHEMA_VERSION,
        "base_mva": 10.0,
        "step_hours": step_hours,
        "seed": 0,
        "sources": "invented",
        "assumptions": "invented",
    }


def _renewable(time: np.ndarray, forecast: float, spread: float) -> dict[str, object]:
    samples = [forecast - spread, forecast, forecast + spread]
    return {
        "renewable_capacity": [2 * forecast],
        "renewable_forecast": np.full((1, len(time)), forecast),
        "renewable_samples": np.tile(np.reshape(samples, (3, 1, 1)), (1, 1, len(time))),
        "weight": [0.25, 0.5, 0.25],
        "curtailment_cost": 50.0,
        "shedding_cost": 1000.0,
        "network_slack_cost": 5000.0,
        "shedding_share": 0.5,
    }


def _transmission(time: np.ndarray) -> xr.Dataset:
    return group(
        "transmission",
        {
            "load": np.outer([0.0, 10.0, 60.0], np.ones(len(time))),
            "line_from": ["1", "2", "1"],
            "line_to": ["2", "3", "3"],
            "line_reactance": [0.1, 0.1, 0.1],
            "line_flow_limit": [60.0, 60.0, 35.0],
            "generator_bus": ["1", "2"],
            "power_min": [10.0, 0.0],
            "power_max": [80.0, 60.0],
            "ramp_up": [30.0, 20.0],
            "ramp_down": [30.0, 20.0],
            "segment_power": [[40.0, 30.0], [30.0, 30.0]],
            "segment_cost": [[10.0, 15.0], [30.0, 40.0]],
            "no_load_cost": [100.0, 50.0],
            "reserve_cost_up": [4.0, 6.0],
            "reserve_cost_down": [4.0, 6.0],
            "reserve_max": [10.0, 10.0],
            "deployment_cost_up": [12.0, 20.0],
            "deployment_cost_down": [2.0, 3.0],
            "boundary_deployment_cost": 8.0,
            "boundary_bus": ["3"],
            "boundary_limit": [5.0],
            "renewable_bus": ["2"],
            **_renewable(time, 15.0, 8.0),
        },
        {
            "bus": ["1", "2", "3"],
            "line": ["1-2", "2-3", "1-3"],
            "generator": ["G1", "G2"],
            "segment": [1, 2],
            "distribution": ["distribution_1"],
            "unit": ["W2"],
            "scenario": [0, 1, 2],
            "time": time,
        },
    )


def _feeder(time: np.ndarray, step_hours: float) -> xr.Dataset:
    steps = len(time)
    flat = np.ones((2, steps))
    energy = step_hours * np.cumsum(flat, axis=1)
    return group(
        "distribution",
        {
            "load_active": np.outer([0.0, 1.0, 2.0], np.ones(steps)),
            "load_reactive": np.outer([0.0, 0.5, 1.0], np.ones(steps)),
            "line_from": ["0", "1"],
            "line_to": ["1", "2"],
            "line_resistance": [0.03, 0.04],
            "line_reactance": [0.02, 0.03],
            "line_power_limit": [8.0, 5.0],
            "root_voltage": 1.02,
            "voltage_min": 0.95,
            "voltage_max": 1.05,
            "station_bus": ["1", "2"],
            "tariff": np.full(steps, 100.0),
            "ev_power_min": 0.0 * flat,
            "ev_power_max": 2.0 * flat,
            "ev_energy_min": energy - step_hours,
            "ev_energy_max": energy + step_hours,
            "ev_baseline": flat,
            "ev_reserve_cost_up": [2.0, 3.0],
            "ev_reserve_cost_down": [1.0, 1.5],
            "ev_deployment_cost": [10.0, 12.0],
            "boundary_violation_cost": 2000.0,
            "renewable_bus": ["2"],
            **_renewable(time, 0.5, 0.3),
        },
        {
            "bus": ["0", "1", "2"],
            "line": ["0-1", "1-2"],
            "station": ["E1", "E2"],
            "unit": ["W2"],
            "scenario": [0, 1, 2],
            "time": time,
        },
        root_bus="0",
        base_kv=10.0,
    )
