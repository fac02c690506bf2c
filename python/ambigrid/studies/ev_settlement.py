"""Who pays whom: a settlement whose transfers sum to zero.

Energy is paid at day-ahead nodal prices through the transmission operator; reserve, regulation
and their expected deployment at their offered prices; boundary reserve at the price that
coordination found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ambigrid.studies.ev_interpretation import AgentSolution


@dataclass(frozen=True)
class Payment:
    """Money that one party pays another over the day, $."""

    transfer: str
    payer: str
    payee: str
    amount: float


def settlement(payments: Iterable[Payment]) -> xr.DataArray:
    """Tabulate who receives what; every transfer sums to zero over the parties.

    Returns
    -------
    xarray.DataArray
        Dims (transfer, party), $; receipts are positive.
    """
    payments = list(payments)
    transfers = list(dict.fromkeys(payment.transfer for payment in payments))
    parties = list(dict.fromkeys(p for payment in payments for p in (payment.payer, payment.payee)))
    table = xr.DataArray(
        np.zeros((len(transfers), len(parties))),
        {"transfer": transfers, "party": parties},
        ("transfer", "party"),
        attrs={"units": "$", "long_name": "receipts minus payments over the day"},
    )
    for payment in payments:
        where = {"transfer": payment.transfer}
        table.loc[{**where, "party": payment.payer}] -= payment.amount
        table.loc[{**where, "party": payment.payee}] += payment.amount
    return table


def energy_payments(
    data: xr.Dataset, solution: AgentSolution, baseline: xr.DataArray, price: xr.DataArray
) -> list[Payment]:
    """Payments for scheduled energy at nodal prices, all through the transmission operator.

    Parameters
    ----------
    data : xarray.Dataset
        The transmission group, with ``attrs["name"]``.
    solution : AgentSolution
        Its schedule.
    baseline : xarray.DataArray
        Dims (distribution, time), MW imported by the feeders.
    price : xarray.DataArray
        Dims (bus, time), $/MWh.
    """
    name, hours = str(data.attrs["name"]), float(data.attrs["step_hours"])

    def worth(power: xr.DataArray, bus: xr.DataArray) -> xr.DataArray:
        there = price.sel(bus=bus.reset_coords(drop=True)).drop_vars("bus")
        return (there * power).sum("time") * hours

    units = worth(solution.dispatch["power"], data["generator_bus"]).sum()
    wind = worth(solution.dispatch["scheduled_renewable"], data["renewable_bus"]).sum()
    load = (price * data["load"]).sum() * hours
    exchanged = worth(baseline, data["boundary_bus"])
    feeders = [str(feeder) for feeder in exchanged["distribution"].to_numpy()]
    return [
        Payment("energy", name, "thermal units", float(units)),
        Payment("energy", name, "transmission renewables", float(wind)),
        Payment("energy", "transmission loads", name, float(load)),
        *(Payment("energy", f, name, float(exchanged.sel(distribution=f))) for f in feeders),
    ]


def flexibility_payments(summary: xr.Dataset, payer: str, payee: str) -> list[Payment]:
    """Payments for reserve or regulation and for its expected deployment, at offered prices.

    Parameters
    ----------
    summary : xarray.Dataset
        An operator's summary with its costs by variable, $.
    payer, payee : str
        The operator and those who provide the flexibility.
    """
    kinds = {
        "reserve": ("reserve_up", "reserve_down", "ev_reserve_up", "ev_reserve_down"),
        "deployment": ("deployment_up", "deployment_down", "adjustment_up", "adjustment_down"),
    }
    return [
        Payment(kind, payer, payee, float(summary[f"cost_{name}"]))
        for kind, names in kinds.items()
        for name in names
        if f"cost_{name}" in summary
    ]


def boundary_payments(
    data: xr.Dataset, solution: AgentSolution, prices: Mapping[str, xr.DataArray]
) -> list[Payment]:
    """Payments of the transmission operator to feeders for boundary reserve and expected calls.

    Parameters
    ----------
    data : xarray.Dataset
        The transmission group, with ``attrs["name"]``.
    solution : AgentSolution
        Its boundary reserves and, if there is a recourse, its calls.
    prices : mapping of str to xarray.DataArray
        By "<feeder>/boundary_reserve_up" and "…_down": dims (time), $ per MW over a step; NaN where
        unknown, which matters only where there is something to pay for.
    """
    name, hours = str(data.attrs["name"]), float(data.attrs["step_hours"])
    paid = []
    for shared, price in prices.items():
        feeder, variable = shared.split("/")
        bought = solution.dispatch[variable].sel(distribution=feeder)
        worth = (price * bought).where(bought != 0.0, 0.0).sum(skipna=False)
        paid.append(Payment("boundary reserve", name, feeder, float(worth)))
        call = variable.replace("reserve", "call")
        if solution.recourse is not None and call in solution.recourse:
            called = solution.recourse[call].sel(distribution=feeder).sum("time")
            worth = solution.expected(called) * float(data["boundary_deployment_cost"]) * hours
            paid.append(Payment("boundary deployment", name, feeder, float(worth)))
    return paid
