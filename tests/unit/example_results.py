"""An invented result with the shapes of `t30d2`, for tests of what a user sees."""

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.algorithms.log import History, IterationRecord
from ambigrid.results import Result

TIME = pd.date_range("2016-03-14", periods=24, freq="h")
HOURS = np.arange(24.0)
DAY = 0.5 - 0.5 * np.cos(2 * np.pi * (HOURS - 4) / 24)
UNITS = {"power": "MW", "loading": "1"}


def make_result(iterations: int = 17, seed: int = 7, **attrs: object) -> Result:
    """Build an invented but plausible result; `attrs` replace attributes of the root."""
    random = np.random.default_rng(seed)
    agents = {"transmission": 54_331.42, "distribution_1": 6_120.9, "distribution_2": 5_987.1}
    root: dict[str, object] = {
        "study": "ev-flexibility",
        "case": "t30d2",
        "ambiguity": "Wasserstein",
        "engine": "highs",
        "method": "admm",
        "status": "optimal",
        "objective": sum(agents.values()),
        "bound": 0.9969 * sum(agents.values()),
        "certified": True,
        "exactness": "exact",
        "agents": agents,
        "options": {"penalty": 15.0, "radius": {"transmission": 10.0, "distribution": 1.0}},
        "versions": {"ambigrid": "0.1.0"},
        "iterations": iterations,
        "wall_seconds": 21.3,
        "build_seconds": 0.8,
        "certificate_seconds": 44.1,
        "seed": 1,
        "data_hash": "5f2c",
    }
    distributions = {f"distribution_{d}": _distribution(random) for d in (1, 2)}
    groups = {
        "dispatch": {
            "transmission": _transmission(random, distributions),
            **{name: data["dispatch"] for name, data in distributions.items()},
        },
        "recourse": {name: data["recourse"] for name, data in distributions.items()},
        "history": _history(random, iterations, float(root["objective"])).to_dataset(),
        "derived": {
            "transmission": _derived_transmission(random),
            **{name: data["derived"] for name, data in distributions.items()},
        },
    }
    return Result.from_groups(root | attrs, groups)


def _array(values: np.ndarray, units: str = "MW", **labels: list[str]) -> xr.DataArray:
    coords = {**labels, "time": TIME}
    return xr.DataArray(values, coords=coords, dims=tuple(coords), attrs={"units": units})


def _transmission(random: np.random.Generator, distributions: dict) -> xr.Dataset:
    generators = ["G1", "G2", "G27"]
    share = np.array([0.5, 0.3, 0.2])[:, None]
    power = share * (70 + 60 * DAY) + random.normal(0, 1.5, (3, 24))
    wind = np.array([0.45, 0.35, 0.2])[:, None] * (75 - 40 * DAY) * (1 + 0.15 * np.sin(HOURS))
    names = list(distributions)
    boundary = {
        f"boundary_reserve_{way}": _array(
            np.stack([d["dispatch"][f"boundary_reserve_{way}"] for d in distributions.values()]),
            distribution=names,
        )
        for way in ("up", "down")
    }
    return xr.Dataset(
        {
            "power": _array(power, generator=generators),
            "reserve_up": _array(share * (9 + 3 * DAY), generator=generators),
            "reserve_down": _array(share * (7 + 2 * np.sin(HOURS / 3)), generator=generators),
            "scheduled_renewable": _array(wind, unit=["W7", "W11", "W14"]),
            **boundary,
        }
    )


def _distribution(random: np.random.Generator) -> dict[str, xr.Dataset]:
    stations = ["E6", "E9", "E13", "E20", "E29"]
    size = random.uniform(0.2, 0.5, (5, 1))
    plugged = np.clip(np.sin((HOURS - 6) / 24 * 2 * np.pi) + 0.6, 0.05, None)[None] * size
    baseline = 0.55 * plugged * (1 + 0.4 * np.cos(HOURS / 2))
    regulation = {
        "ev_reserve_up": _array(0.7 * np.minimum(baseline, 0.3), station=stations),
        "ev_reserve_down": _array(0.6 * (plugged - baseline).clip(0), station=stations),
    }
    boundary = {
        f"boundary_reserve_{way}": 0.8 * regulation[f"ev_reserve_{way}"].sum("station")
        for way in ("up", "down")
    }
    energy = baseline.cumsum(axis=1)
    envelope = {
        "ev_baseline": _array(baseline, station=stations),
        "ev_power_min": _array(0 * plugged, station=stations),
        "ev_power_max": _array(plugged, station=stations),
        "ev_energy_min": _array((energy - 1.6 * size).clip(0), "MWh", station=stations),
        "ev_energy_max": _array(energy + 0.9 * size * (1 - HOURS / 30), "MWh", station=stations),
        "load": _array(2.4 + 1.3 * DAY),
        "renewable_forecast": _array(1.4 + 0.5 * np.sin(HOURS / 4)),
        "boundary_baseline": _array(1.0 + 0.8 * DAY + baseline.sum(axis=0)),
        "boundary_reserve_up_price": _array(8 + 4 * DAY, "$/MWh"),
        "line_loading": _loading(random, 32),
        **_losses(0.1),
        "radius": xr.DataArray(1.0),
        "median_sample_distance": xr.DataArray(1.9),
    }
    scenario = range(4)
    way = random.choice([-1.0, 1.0], (4, 1, 24))
    return {
        "dispatch": xr.Dataset(regulation | boundary),
        "derived": xr.Dataset(envelope),
        "recourse": xr.Dataset(
            {
                f"adjustment_{name}": (
                    ("scenario", "station", "time"),
                    regulation[f"ev_reserve_{name}"].values * (sign * way).clip(0),
                    {"units": "MW"},
                )
                for name, sign in (("up", 1), ("down", -1))
            },
            coords={"scenario": scenario, "station": stations, "time": TIME},
        ),
    }


def _derived_transmission(random: np.random.Generator) -> xr.Dataset:
    return xr.Dataset(
        {
            "line_loading": _loading(random, 41),
            "load": _array(130 + 60 * DAY),
            "radius": xr.DataArray(10.0),
            "median_sample_distance": xr.DataArray(31.0),
            **_losses(1.0),
        }
    )


def _losses(scale: float) -> dict[str, xr.DataArray]:
    amounts = {"curtailment": 7.5, "shedding": 2.2, "boundary_violation": 1.1}
    return {
        f"{kind}_{name}": xr.DataArray(factor * scale * amount, attrs={"units": "MWh"})
        for name, amount in amounts.items()
        for kind, factor in (("expected", 1.0), ("worst_case", 3.4))
    }


def _loading(random: np.random.Generator, lines: int) -> xr.DataArray:
    level = random.beta(1.6, 3.0, (lines, 1))
    shape = 0.55 + 0.45 * np.roll(DAY, 3)[None] + random.normal(0, 0.04, (lines, 24))
    return _array((level * shape).clip(0, 1), "1", line=[f"L{n + 1}" for n in range(lines)])


def _history(random: np.random.Generator, iterations: int, cost: float) -> History:
    history = History()
    for k in range(1, iterations + 1):
        history.append(
            IterationRecord(
                iteration=k,
                lower_bound=cost * (0.9969 - 0.14 * np.exp(-0.45 * (k - 1))),
                upper_bound=cost * (1 + 0.20 * np.exp(-0.5 * (k - 1))),
                primal_residual=9 * np.exp(-0.3 * k) * random.uniform(0.7, 1.3),
                dual_residual=5 * np.exp(-0.27 * k) * random.uniform(0.7, 1.3),
                penalty=15.0,
                seconds=1.2 * k,
            )
        )
    return history
