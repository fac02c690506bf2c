"""EV charging stations as virtual storage: declared regulation and its cumulative delivery.

A station draws P_t = P⁰_t + a_t with P̲ ≤ P ≤ P̄, and its energy e_t = e_{t−1} + P_t Δt stays in
[E̲_t, Ē_t] at the end of every step. The adjustment a lies in [−ρ↑, ρ↓] of the regulation bought
from it: "up" means that it charges less.
"""

from __future__ import annotations

import linopy
import xarray as xr

from ambigrid.networks.arrays import larger, over
from ambigrid.networks.nodal_power import Injection
from ambigrid.networks.objective import Prices


def add_regulation(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `ev_reserve_up` and `ev_reserve_down` (station, time), MW, within what is declared."""
    for direction in ("up", "down"):
        most = declared_regulation(data, direction)
        model.add_variables(lower=0 * most, upper=most, name=f"ev_reserve_{direction}")


def fix_regulation_at_zero(model: linopy.Model) -> None:
    """Buy no regulation: the stations keep their baseline."""
    for direction in ("up", "down"):
        model.variables[f"ev_reserve_{direction}"].update(upper=0.0)


def declared_regulation(data: xr.Dataset, direction: str) -> xr.DataArray:
    """Return what stations may declare, P⁰ − P̲ up and P̄ − P⁰ down; dims (station, time), MW."""
    room = (
        data["ev_baseline"] - data["ev_power_min"]
        if direction == "up"
        else data["ev_power_max"] - data["ev_baseline"]
    )
    return over(larger(room, 0.0), data, "station", "time")


def add_adjustment(model: linopy.Model, data: xr.Dataset) -> None:
    """Add `adjustment_up`, `adjustment_down` (station, time) in MW and `energy` in MWh.

    Rows: `adjusted_within_up`, `adjusted_within_down` (at most the regulation bought) and
    `energy_content`, which adds the station's power up over time.
    """
    step = float(data.attrs["step_hours"])
    baseline = over(data["ev_baseline"], data, "station", "time")
    for direction in ("up", "down"):
        name = f"adjustment_{direction}"
        adjusted = model.add_variables(lower=0.0, coords=baseline.coords, name=name)
        bought = model.variables[f"ev_reserve_{direction}"]
        model.add_constraints(adjusted - bought <= 0.0, name=f"adjusted_within_{direction}")
    lowest, highest = energy_range(data)
    energy = model.add_variables(lower=lowest, upper=highest, name="energy")
    before = (1 * energy).shift(time=1).fillna(0)
    model.add_constraints(
        energy - before - step * _adjustment(model) == step * baseline, name="energy_content"
    )


def energy_range(data: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Energy envelope, dims (station, time), MWh, widened to hold the baseline's rounding."""
    step = float(data.attrs["step_hours"])
    content = (data["ev_baseline"] * step).cumsum("time")
    lowest = -larger(-data["ev_energy_min"], -content)
    highest = larger(data["ev_energy_max"], content)
    return over(lowest, data, "station", "time"), over(highest, data, "station", "time")


def charging(model: linopy.Model, data: xr.Dataset) -> Injection:
    """Change of the stations' power against the baseline, as an injection."""
    return Injection(
        -_adjustment(model),
        data["station_bus"],
        -declared_regulation(data, "down"),
        declared_regulation(data, "up"),
    )


def _adjustment(model: linopy.Model) -> linopy.LinearExpression:
    return model.variables["adjustment_down"] - model.variables["adjustment_up"]


def prices(data: xr.Dataset) -> Prices:
    """Return the prices of regulation bought and of adjusting stations, $/MWh."""
    return {
        "ev_reserve_up": data["ev_reserve_cost_up"],
        "ev_reserve_down": data["ev_reserve_cost_down"],
        "adjustment_up": data["ev_deployment_cost"],
        "adjustment_down": data["ev_deployment_cost"],
    }
