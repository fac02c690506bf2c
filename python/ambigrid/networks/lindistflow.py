"""Radial distribution feeder in the LinDistFlow approximation, flows and voltages eliminated.

With p_j, q_j the consumption of bus j in p.u. and A_lj = 1 where line l lies on the path from the
root to bus j (Baran and Wu, *IEEE Trans. Power Delivery* 4(1), 1989, losses left out):

    P = A p,  Q = A q,   v = v_0 − 2 (R p + X q),   R = Aᵀ diag(r) A,  X = Aᵀ diag(x) A

for the squared voltages v. Losses left out make v an upper and P, Q a lower estimate of the AC
power flow (Gan, Li, Topcu and Low, *IEEE Trans. Automatic Control* 60(1), 2015, Lemma 1), so only
the lower voltage limit needs a margin.
"""

from __future__ import annotations

import linopy
import numpy as np
import pandas as pd
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import xarray as xr

from ambigrid.errors import InputError
from ambigrid.networks.arrays import larger
from ambigrid.networks.limits import add_limits
from ambigrid.networks.nodal_power import SOURCE, NodalPower, Sensitivity
from ambigrid.networks.objective import Prices

POLYGON_SIDES = 12  # the inscribed polygon keeps at least cos(π/12) = 96.6 % of the rating


def subtree_incidence(data: xr.Dataset) -> xr.DataArray:
    """Tell which lines feed which buses.

    Parameters
    ----------
    data : xarray.Dataset
        `line_from` and `line_to` (line), oriented away from the bus in ``attrs["root_bus"]``.

    Returns
    -------
    xarray.DataArray
        Dims (line, bus): 1 where the line lies on the path from the root to the bus, else 0.

    Raises
    ------
    InputError
        If the lines are not a tree that leads away from the root.
    """
    buses, root = data["bus"].to_index(), str(data.attrs["root_bus"])
    start, end = (buses.get_indexer(pd.Index(data[n].to_numpy())) for n in ("line_from", "line_to"))
    feeds = _feeding_lines(end, len(buses), int(buses.get_indexer(pd.Index([root]))[0]))
    lines = np.arange(len(end))
    inner = feeds[start] >= 0
    # what enters a bus by its line leaves by the lines below it: (I − N) flow = consumption
    below = sp.csc_array(
        (np.ones(inner.sum()), (feeds[start[inner]], lines[inner])), (len(lines), len(lines))
    )
    try:
        passed_on = sp.csc_array(sp.eye_array(len(lines)) - below)
        reached = spla.splu(passed_on).solve(np.eye(len(lines)))
    except RuntimeError:
        raise _not_radial(f"a loop that the root {root} does not feed") from None
    incidence = np.zeros((len(lines), len(buses)))
    incidence[:, end] = np.round(reached)
    return xr.DataArray(incidence, {"line": data["line"], "bus": data["bus"]}, ("line", "bus"))


def _feeding_lines(end: np.ndarray, buses: int, root: int) -> np.ndarray:
    """Position of the line that feeds each bus, -1 for the root."""
    if len(end) != buses - 1 or len(set(end)) != len(end) or root in end:
        raise _not_radial(f"{len(end)} lines, {len(set(end))} of {buses} buses at their ends")
    feeds = np.full(buses, -1)
    feeds[end] = np.arange(len(end))
    return feeds


def _not_radial(got: str) -> InputError:
    return InputError(
        "every bus except the root must be fed by exactly one line",
        where="line_from, line_to",
        got=got,
        fix="open the loops, connect the islands and orient the lines away from the root",
    )


def voltage_sensitivities(data: xr.Dataset) -> xr.Dataset:
    """Change of every squared voltage per unit of power fed into every bus.

    Parameters
    ----------
    data : xarray.Dataset
        Lines as for `subtree_incidence`, `line_resistance` and `line_reactance` (line) in p.u. on
        ``attrs["base_mva"]``.

    Returns
    -------
    xarray.Dataset
        `active` in p.u.² per MW and `reactive` in p.u.² per MVAr; dims (bus, source_bus).
    """
    path = subtree_incidence(data)
    source = path.rename(bus=SOURCE)
    factor = 2.0 / float(data.attrs["base_mva"])
    return xr.Dataset(
        {
            "active": factor * (path * data["line_resistance"]).dot(source, dim="line"),
            "reactive": factor * (path * data["line_reactance"]).dot(source, dim="line"),
        }
    )


def voltage_limits(data: xr.Dataset, voltage_margin: float = 0.0) -> Sensitivity:
    """Rows of the voltage limits, each in MW at its own bus.

    A row is divided by the change of its squared voltage per MW (or per MVAr, where that is
    more) fed into its own bus, so that coefficients are at most about 1 and a slack reads as the
    power that would have to be fed in, or taken out, at that bus.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder with `root_voltage`, `voltage_min`, `voltage_max` in p.u.
    voltage_margin : float
        Added to the lower limit, p.u.

    Returns
    -------
    Sensitivity
        Dims (bus, side), with sides "lower" and "upper"; buses at the root's voltage left out.
    """
    change = voltage_sensitivities(data)
    own = [change[name].to_numpy().diagonal() for name in ("active", "reactive")]
    scale = xr.DataArray(np.maximum(*own), {"bus": data["bus"]}, ("bus",))
    scale = scale[scale.to_numpy() > 0]
    side = xr.DataArray([-1.0, 1.0], {"side": ["lower", "upper"]}, ("side",))
    lowest, highest = data["voltage_min"] + voltage_margin, data["voltage_max"]
    root = data["root_voltage"]
    room = xr.concat([root**2 - lowest**2, highest**2 - root**2], side["side"])
    active, reactive = (side * change[name].sel(bus=scale["bus"]) / scale for name in change)
    return Sensitivity(active, room / scale, reactive)


def branch_limits(data: xr.Dataset) -> Sensitivity:
    """Rows of a polygon inscribed in every line's circle P² + Q² <= line_power_limit².

    Returns
    -------
    Sensitivity
        Dims (line, side), in MVA; the corners lie on the circle, one of them at Q = 0.
    """
    side = np.arange(POLYGON_SIDES)
    angle = (2 * side + 1) * np.pi / POLYGON_SIDES
    cosine, sine = (
        xr.DataArray(f, {"side": side}, ("side",)) for f in (np.cos(angle), np.sin(angle))
    )
    fed = subtree_incidence(data).rename(bus=SOURCE)
    limit = data["line_power_limit"] * np.cos(np.pi / POLYGON_SIDES)
    limit = limit.broadcast_like(cosine * limit)
    return Sensitivity(-cosine * fed, limit, -sine * fed)


def add_voltage_limits(
    model: linopy.Model, data: xr.Dataset, power: NodalPower, voltage_margin: float = 0.0
) -> None:
    """Add the rows `voltage_limit` (bus, side, time), relaxed by `voltage_slack` in MW."""
    rows = voltage_limits(data, voltage_margin)
    add_limits(model, "voltage_limit", rows, power, "voltage_slack")


def add_branch_limits(model: linopy.Model, data: xr.Dataset, power: NodalPower) -> None:
    """Add the rows `branch_limit` (line, side, time), relaxed by `branch_slack` in MVA."""
    add_limits(model, "branch_limit", branch_limits(data), power, "branch_slack")


def slack_prices(data: xr.Dataset) -> Prices:
    """Return the prices of violated voltage and branch limits, $/MWh."""
    return dict.fromkeys(("voltage_slack", "branch_slack"), data["network_slack_cost"])


def evaluate(
    data: xr.Dataset, active: xr.DataArray, reactive: xr.DataArray | None = None
) -> xr.Dataset:
    """Voltages and flows of the feeder for given power fed into its buses.

    Parameters
    ----------
    data : xarray.Dataset
        The feeder.
    active, reactive : xarray.DataArray
        Dims (bus, …), MW and MVAr; generation minus consumption. No reactive power if left out.

    Returns
    -------
    xarray.Dataset
        `voltage` (bus, …) in p.u., `flow_active` and `flow_reactive` (line, …) in MW and MVAr,
        positive away from the root.
    """
    reactive = xr.zeros_like(active) if reactive is None else reactive
    change, fed = voltage_sensitivities(data), subtree_incidence(data)
    sources = active.rename(bus=SOURCE), reactive.rename(bus=SOURCE)
    rise = change["active"].dot(sources[0], dim=SOURCE) + change["reactive"].dot(
        sources[1], dim=SOURCE
    )
    squared = data["root_voltage"] ** 2 + rise
    return xr.Dataset(
        {
            "voltage": (larger(squared, 0.0) ** 0.5).assign_attrs(units="p.u."),
            "flow_active": (-fed.dot(active, dim="bus")).assign_attrs(units="MW"),
            "flow_reactive": (-fed.dot(reactive, dim="bus")).assign_attrs(units="MVAr"),
        }
    )
