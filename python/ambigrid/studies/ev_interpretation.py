"""What a solution of the EV-flexibility study means: prices, loading, losses.

Pure functions of labelled arrays; nothing is solved here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import xarray as xr

from ambigrid.networks import dc_network, demand, lindistflow
from ambigrid.networks.arrays import at_bus
from ambigrid.networks.nodal_power import SOURCE
from ambigrid.networks.objective import Prices, cost
from ambigrid.studies.ev_models import (
    boundary_baseline,
    distribution_prices,
    transmission_prices,
    unit_of,
)

LOSSES = {
    "curtailment": ("curtailment",),
    "shedding": ("shedding",),
    "boundary_violation": ("boundary_violation_up", "boundary_violation_down"),
    "balance_violation": ("balance_slack_up", "balance_slack_down"),
    "network_violation": ("line_slack", "voltage_slack", "branch_slack"),
}
"""What is lost or violated, by the recourse variables that add up to it."""


@dataclass(frozen=True)
class AgentSolution:
    """What a run found for one operator.

    Parameters
    ----------
    dispatch : xarray.Dataset
        First-stage variables by name, MW.
    duals : xarray.Dataset, optional
        Duals of the first-stage rows by name, $ per MW: the rise of the cost when the right-hand
        side rises; NaN where a row was left out.
    recourse : xarray.Dataset, optional
        Recourse variables at the worst call, with a dim `scenario`.
    weight : xarray.DataArray, optional
        Dims (scenario): probability of each scenario of `recourse`; equal if left out.
    """

    dispatch: xr.Dataset
    duals: xr.Dataset | None = None
    recourse: xr.Dataset | None = None
    weight: xr.DataArray | None = None

    def expected(self, values: xr.DataArray) -> xr.DataArray:
        """Mean over the scenarios."""
        if self.weight is None:
            return values.mean("scenario")
        return (values * self.weight).sum("scenario")


def losses(solution: AgentSolution, step_hours: float) -> dict[str, xr.DataArray]:
    """Add up expected and worst-case curtailment, shedding and violations over the day.

    Returns
    -------
    dict of str to xarray.DataArray
        `expected_<loss>` and `worst_case_<loss>` in MWh, violated limits of a feeder in MVAh;
        the worst case is the scenario that loses most.
    """
    if solution.recourse is None:
        return {}
    found: dict[str, xr.DataArray] = {}
    for loss, names in LOSSES.items():
        present = [solution.recourse[name] for name in names if name in solution.recourse]
        if present:
            lost = sum((_over_all_but_scenario(part) for part in present), xr.DataArray(0.0))
            energy, units = lost * step_hours, f"{unit_of(str(present[0].name))}h"
            found[f"expected_{loss}"] = solution.expected(energy).assign_attrs(units=units)
            found[f"worst_case_{loss}"] = energy.max("scenario").assign_attrs(units=units)
    return found


def scheduled_flows(data: xr.Dataset, dispatch: xr.Dataset, baseline: xr.DataArray) -> xr.DataArray:
    """Flows of the transmission lines at the day-ahead schedule; dims (line, time), MW."""
    load = data["load"].transpose("bus", "time")
    fed = (
        at_bus(dispatch["power"], data["generator_bus"], load)
        + at_bus(dispatch["scheduled_renewable"], data["renewable_bus"], load)
        - at_bus(baseline, data["boundary_bus"], load)
    )
    return dc_network.line_flows(data, fed - load)


def scheduled_feeder(data: xr.Dataset) -> xr.Dataset:
    """Voltages and flows of a feeder at forecast, baseline charging and no call.

    Returns
    -------
    xarray.Dataset
        As `lindistflow.evaluate`.
    """
    load = data["load_active"].transpose("bus", "time")
    fed = at_bus(data["renewable_forecast"], data["renewable_bus"], load) - at_bus(
        data["ev_baseline"], data["station_bus"], load
    )
    return lindistflow.evaluate(data, fed - load, -data["load_reactive"])


def feeder_injections(data: xr.Dataset, recourse: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Power fed into a feeder's buses by a recourse.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder's group.
    recourse : xarray.Dataset
        Recourse variables, each with dims (device, time, …).

    Returns
    -------
    tuple of xarray.DataArray
        Active and reactive power, dims (bus, time, …), MW and MVAr.
    """
    load, reactive = (data[n].transpose("bus", "time") for n in ("load_active", "load_reactive"))
    charging = data["ev_baseline"]
    if "adjustment_up" in recourse:
        charging = charging + recourse["adjustment_down"] - recourse["adjustment_up"]
    shed = recourse["shedding"].reindex(bus=load["bus"], fill_value=0.0)
    fed = at_bus(recourse["used_renewable"], data["renewable_bus"], load) - at_bus(
        charging, data["station_bus"], load
    )
    active = fed - load + shed
    return active, shed * demand.reactive_ratio(load, reactive) - reactive


def line_loading(flow: xr.DataArray, limit: xr.DataArray) -> dict[str, xr.DataArray]:
    """Share of each line's limit that is used.

    Returns
    -------
    dict of str to xarray.DataArray
        `line_loading` (line, time) and over the day `line_loading_max`, `line_loading_average`
        (line), pure numbers; equations (62) and (63) of the source.
    """
    loading = (abs(flow) / limit).assign_attrs(units="1", long_name="line loading")
    return {
        "line_loading": loading.transpose("line", "time"),
        "line_loading_max": loading.max("time").assign_attrs(units="1"),
        "line_loading_average": loading.mean("time").assign_attrs(units="1"),
    }


def nodal_prices(data: xr.Dataset, duals: xr.Dataset) -> xr.DataArray:
    """Day-ahead price of energy at every bus.

    λ_b = λ + Σ_l H_lb (μ⁺_l − μ⁻_l) with λ the dual of the balance and μ ≤ 0 the duals of the
    limits on the scheduled flows, per hour.

    Parameters
    ----------
    data : xarray.Dataset
        The transmission group.
    duals : xarray.Dataset
        `balance` (time) and, where a limit can bind, `line_limit` (line, side, time).

    Returns
    -------
    xarray.DataArray
        Dims (bus, time), $/MWh.
    """
    price = duals["balance"].broadcast_like(data["load"])
    if "line_limit" in duals:
        limits = dc_network.flow_limits(data).active.rename({SOURCE: "bus"})
        dual = duals["line_limit"].fillna(0.0)
        price = price + limits.sel(line=dual["line"], side=dual["side"]).dot(
            dual, dim=["line", "side"]
        )
    price = price.transpose("bus", "time") / float(data.attrs["step_hours"])
    return price.assign_attrs(units="$/MWh", long_name="day-ahead price of energy")


def cost_by_variable(
    prices: Prices, solution: AgentSolution, step_hours: float
) -> dict[str, xr.DataArray]:
    """Cost of every first-stage variable and expected cost of every recourse variable, $."""
    spent = {str(n): c for n, c in cost(prices, solution.dispatch, step_hours).items()}
    if solution.recourse is not None:
        recourse = cost(prices, solution.recourse, step_hours)
        spent |= {str(n): solution.expected(c) for n, c in recourse.items()}
    return {f"cost_{name}": value.assign_attrs(units="$") for name, value in spent.items()}


def transmission_summary(
    data: xr.Dataset, baseline: xr.DataArray, solution: AgentSolution
) -> xr.Dataset:
    """Put together what the transmission operator's part of a solution means.

    Parameters
    ----------
    data : xarray.Dataset
        The transmission group.
    baseline : xarray.DataArray
        Dims (distribution, time), MW.
    solution : AgentSolution
        What the run found for it.
    """
    step = float(data.attrs["step_hours"])
    flow = scheduled_flows(data, solution.dispatch, baseline)
    found = {
        "load": _total(data["load"], "bus"),
        "renewable_forecast": data["renewable_forecast"],
        "scheduled_flow": flow,
        **line_loading(flow, data["line_flow_limit"]),
        **losses(solution, step),
        **cost_by_variable(transmission_prices(data), solution, step),
    }
    if solution.duals is not None and "balance" in solution.duals:
        found["nodal_price"] = nodal_prices(data, solution.duals)
    return xr.Dataset(found)


def distribution_summary(
    data: xr.Dataset, solution: AgentSolution, prices: Mapping[str, xr.DataArray]
) -> xr.Dataset:
    """Put together what a distribution operator's part of a solution means.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder's group.
    solution : AgentSolution
        What the run found for it.
    prices : mapping of str to xarray.DataArray
        `boundary_reserve_up`, `boundary_reserve_down` (time), $ per MW over a step, if known.
    """
    step = float(data.attrs["step_hours"])
    feeder = scheduled_feeder(data)
    apparent = (feeder["flow_active"] ** 2 + feeder["flow_reactive"] ** 2) ** 0.5
    envelope = ("power_min", "power_max", "energy_min", "energy_max", "baseline")
    return xr.Dataset(
        {
            "load": _total(data["load_active"], "bus"),
            "renewable_forecast": data["renewable_forecast"],
            "boundary_baseline": boundary_baseline(data),
            **{f"ev_{name}": data[f"ev_{name}"] for name in envelope},
            "scheduled_voltage": feeder["voltage"],
            **line_loading(apparent, data["line_power_limit"]),
            **losses(solution, step),
            **cost_by_variable(distribution_prices(data), solution, step),
            **{
                f"{name}_price": (price / step).assign_attrs(units="$/MWh")
                for name, price in prices.items()
            },
        }
    )


def _total(power: xr.DataArray, dim: str) -> xr.DataArray:
    return power.sum(dim).assign_attrs(units="MW")


def _over_all_but_scenario(values: xr.DataArray) -> xr.DataArray:
    return values.sum([dim for dim in values.dims if dim != "scenario"])
