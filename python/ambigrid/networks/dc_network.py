"""Meshed transmission network in the DC approximation, angles eliminated.

Flow of line l:  f_l = Σ_b H_lb P_b  with the power transfer distribution factors

    H = B C (CᵀB C)⁻¹,   B = diag(1/x),   C the line-bus incidence,

taken so that an imbalance of the system is met in proportion to the buses' loads (a distributed
reference). Wood, Wollenberg and Sheblé, *Power Generation, Operation and Control*, ch. 7.
"""

from __future__ import annotations

import linopy
import numpy as np
import pandas as pd
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.networks.limits import add_limits
from ambigrid.networks.nodal_power import SOURCE, NodalPower, Sensitivity
from ambigrid.networks.objective import Prices


def transfer_factors(data: xr.Dataset) -> xr.DataArray:
    """Power transfer distribution factors.

    Parameters
    ----------
    data : xarray.Dataset
        `line_from`, `line_to` (line), `line_reactance` (line) in p.u. and `load` (bus, time) in
        MW, whose daily energy distributes the reference over the buses.

    Returns
    -------
    xarray.DataArray
        Dims (line, bus): MW of flow from `line_from` to `line_to` per MW fed into a bus.

    Raises
    ------
    InputError
        If the lines do not connect all buses.
    """
    buses = data["bus"].to_index()
    lines = np.arange(data.sizes["line"])
    ends = [buses.get_indexer(pd.Index(data[name].to_numpy())) for name in ("line_from", "line_to")]
    signs = np.repeat([1.0, -1.0], len(lines))
    incidence = sp.csc_array(
        (signs, (np.tile(lines, 2), np.concatenate(ends))), shape=(len(lines), len(buses))
    )
    parts, label = sp.csgraph.connected_components(abs(incidence.T @ incidence), directed=False)
    if parts > 1:
        raise InputError(
            "the transmission lines do not connect all buses",
            where="line_from, line_to",
            got=f"{parts} islands, one with bus {buses[np.flatnonzero(label != label[0])[0]]}",
            fix="add the missing line or remove the island",
        )
    flow = sp.diags_array(1.0 / data["line_reactance"].to_numpy()) @ incidence
    factors = np.zeros((len(lines), len(buses)))
    if len(buses) > 1:
        laplacian = sp.csc_array((incidence.T @ flow)[1:, 1:])
        factors[:, 1:] = spla.splu(laplacian).solve(flow[:, 1:].toarray().T).T
    share = _reference_share(data["load"])
    factors -= (factors @ share)[:, None]
    return xr.DataArray(factors, {"line": data["line"], "bus": data["bus"]}, ("line", "bus"))


def _reference_share(load: xr.DataArray) -> np.ndarray:
    energy = np.maximum(load.transpose("bus", "time").to_numpy(), 0.0).sum(axis=1)
    if energy.sum() <= 0:
        energy = np.ones_like(energy)
    return np.asarray(energy / energy.sum())


def flow_limits(data: xr.Dataset) -> Sensitivity:
    """Rows ``± f_l <= line_flow_limit`` in MW, with sides "forward" and "backward"."""
    side = xr.DataArray([1.0, -1.0], {"side": ["forward", "backward"]}, ("side",))
    factors = transfer_factors(data).rename(bus=SOURCE)
    limit = data["line_flow_limit"].broadcast_like(side * data["line_flow_limit"])
    return Sensitivity(side * factors, limit)


def line_flows(data: xr.Dataset, nodal_power: xr.DataArray) -> xr.DataArray:
    """Flow of every line for given power fed into the buses.

    Parameters
    ----------
    data : xarray.Dataset
        The network, as for `transfer_factors`.
    nodal_power : xarray.DataArray
        Dims (bus, …), MW; generation minus load.

    Returns
    -------
    xarray.DataArray
        Dims (line, …), MW from `line_from` to `line_to`.
    """
    return transfer_factors(data).dot(nodal_power, dim="bus").assign_attrs(units="MW")


def add_balance(model: linopy.Model, schedule: NodalPower) -> None:
    """Add the row `balance` (time): all power fed in sums to zero."""
    model.add_constraints(schedule.total() == -schedule.fixed_active.sum("bus"), name="balance")


def add_redispatch_balance(
    model: linopy.Model, schedule: NodalPower, redispatch: NodalPower
) -> None:
    """Add the row `redispatch_balance` (time): deviations from the schedule sum to zero.

    As the schedule is in balance this is the balance of the redispatch. Its variables
    `balance_slack_up` and `balance_slack_down` (time, MW) make it feasible for every outcome.
    """
    time = {"time": schedule.fixed_active["time"]}
    up = model.add_variables(lower=0.0, coords=time, name="balance_slack_up")
    down = model.add_variables(lower=0.0, coords=time, name="balance_slack_down")
    change = (redispatch.fixed_active - schedule.fixed_active).sum("bus")
    deviation = redispatch.total() - schedule.total() + up - down
    model.add_constraints(deviation == -change, name="redispatch_balance")


def add_schedule_flow_limits(model: linopy.Model, data: xr.Dataset, schedule: NodalPower) -> None:
    """Add the hard rows `line_limit` (line, side, time) on the scheduled flows."""
    add_limits(model, "line_limit", flow_limits(data), schedule)


def add_redispatch_flow_limits(
    model: linopy.Model, data: xr.Dataset, redispatch: NodalPower
) -> None:
    """Add the rows `redispatch_line_limit`, relaxed by the variable `line_slack` (line, time)."""
    add_limits(model, "redispatch_line_limit", flow_limits(data), redispatch, "line_slack")


def slack_prices(data: xr.Dataset) -> Prices:
    """Return the prices of unserved balance and overloaded lines, $/MWh."""
    slacks = ("balance_slack_up", "balance_slack_down", "line_slack")
    return dict.fromkeys(slacks, data["network_slack_cost"])
