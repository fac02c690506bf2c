"""Your own network: two pandapower networks become a case, the case a schedule.

    python own_network.py [folder]

The networks hold what networks hold; profiles, wind samples and charging sessions come beside
them. What is left out (prices, for example) is assumed and written into the case's attributes.
"""

import sys
from pathlib import Path

import numpy as np
import pandapower as pp
import pandas as pd
import xarray as xr

import ambigrid as ag

TIME = pd.date_range("2030-06-03", periods=24, freq="h", unit="ns")
HOUR = TIME.hour.to_numpy()
PROFILE = xr.DataArray(
    0.75 + 0.25 * np.sin((HOUR - 9) / 24 * 2 * np.pi), dims="time", coords={"time": TIME}
)


def transmission_network() -> pp.pandapowerNet:
    """Three 110 kV buses in a ring, two units with quadratic costs."""
    net = pp.create_empty_network("ring", sn_mva=100.0)
    buses = pp.create_buses(net, 3, vn_kv=110.0)
    for start, end in ((0, 1), (1, 2), (0, 2)):
        pp.create_line_from_parameters(
            net, buses[start], buses[end], length_km=20.0, r_ohm_per_km=0.06,
            x_ohm_per_km=0.4, c_nf_per_km=0.0, max_i_ka=0.4,
        )  # fmt: skip
    pp.create_load(net, buses[1], p_mw=60.0)
    for bus, most, price in ((0, 60.0, 20.0), (1, 40.0, 30.0)):
        unit = pp.create_gen(net, buses[bus], p_mw=most / 2, min_p_mw=5.0, max_p_mw=most)
        pp.create_poly_cost(net, unit, "gen", cp1_eur_per_mw=price, cp2_eur_per_mw2=0.1)
    return net


def feeder_network() -> pp.pandapowerNet:
    """A 20 kV feeder: the root, three buses in a row, one solar unit."""
    net = pp.create_empty_network("feeder", sn_mva=100.0)
    buses = pp.create_buses(net, 4, vn_kv=20.0)
    pp.create_ext_grid(net, buses[0], vm_pu=1.02)
    for start in range(3):
        pp.create_line_from_parameters(
            net, buses[start], buses[start + 1], length_km=2.0, r_ohm_per_km=0.3,
            x_ohm_per_km=0.3, c_nf_per_km=0.0, max_i_ka=0.25,
        )  # fmt: skip
        pp.create_load(net, buses[start + 1], p_mw=1.0, q_mvar=0.3)
    pp.create_sgen(net, buses[3], p_mw=1.5, name="solar")
    return net


def scattered(forecast: np.ndarray, unit: str, seed: int) -> dict[str, xr.DataArray]:
    """Forecast of one unit and five samples around it, MW."""
    capacity = forecast.max()
    errors = np.random.default_rng(seed).normal(0.0, 0.15, (5, 1)) * (forecast > 0)
    samples = np.clip(forecast + capacity * errors, 0.0, capacity)
    labels = {"unit": [unit], "time": TIME}
    return {
        "renewable_forecast": xr.DataArray(forecast[None, :], labels, ("unit", "time")),
        "renewable_samples": xr.DataArray(
            samples[:, None, :], {"scenario": range(5), **labels}, ("scenario", "unit", "time")
        ),
    }


def make_case() -> xr.DataTree:
    """Put networks, samples and sessions together; the result is checked."""
    wind = 12.0 + 8.0 * np.cos(HOUR / 24 * 2 * np.pi)
    sun = 1.5 * np.maximum(np.sin((HOUR - 6) / 12 * np.pi), 0.0) * ((HOUR > 6) & (HOUR < 18))
    sessions = ag.generate_sessions(
        np.random.default_rng(0), ["mall", "station"], TIME, mean_sessions=120.0
    )
    return ag.case_from_networks(
        ag.from_pandapower(transmission_network(), "transmission", PROFILE),
        {"distribution_1": ag.from_pandapower(feeder_network(), "distribution", PROFILE)},
        values={
            "transmission": {
                "renewable_bus": {"wind": "2"},
                "renewable_capacity": 20.0,
                "boundary_bus": {"distribution_1": "2"},
                "boundary_limit": 3.0,
                "reserve_max": 1.5,  # in place of what the network's ramps give
                **scattered(wind, "wind", seed=1),
            },
            "distribution_1": {
                "station_bus": {"mall": "2", "station": "3"},
                "tariff": xr.where((PROFILE.time.dt.hour >= 7), 90.0, 50.0),
                **scattered(sun, "W0", seed=2),
            },
        },
        sessions={"distribution_1": sessions},
        name="own",
        title="A ring of three buses with one feeder",
    )


def main(folder: Path) -> ag.Result:
    """Build, save, load, solve, report."""
    folder.mkdir(parents=True, exist_ok=True)
    ag.save_case(make_case(), folder / "own.nc")
    case = ag.load_case(folder / "own.nc")
    print("assumed:", *case.attrs["assumptions"].split("\n"), sep="\n  ")

    study = ag.EVFlexibility(
        case, ambiguity=ag.Wasserstein(radius={"transmission": 2.0, "distribution": 0.1})
    )
    result = ag.solve(study, method=ag.ADMM(penalty=15))
    print(result.report())
    result.save(folder / "own_result.nc")
    result.plot.overview().savefig(folder / "own_result.png")
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("results"))
