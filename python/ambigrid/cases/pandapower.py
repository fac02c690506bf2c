"""Networks from pandapower: tables of a ``pandapowerNet`` to the network part of a group.

pandapower itself is not needed here; the tables are read as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ambigrid.cases.cost_curves import piecewise_points, polynomial_points
from ambigrid.cases.network_tables import (
    Branch,
    CostUnit,
    Kind,
    NetworkTables,
    RenewableUnit,
    network_group,
)
from ambigrid.errors import InputError

_UNREAD = ("trafo3w", "impedance", "dcline", "ward", "xward", "storage", "motor", "svc", "tcsc")
_UNLIMITED_CURRENT = 9999.0  # kA: what converted cases write for "no limit"


def from_pandapower(
    net: Any,
    kind: Kind,
    load_profile: xr.DataArray,
    *,
    base_mva: float = 100.0,
    segments: int = 3,
    bus_label: Callable[[int], str] = str,
) -> xr.Dataset:
    """Read the network part of a group from a pandapower network.

    Lines and two-winding transformers become lines (``L<index>``, ``T<index>``) in p.u. on
    `base_mva`; open switches take their branch out, closed bus-bus switches join their buses under
    the label of the first. Loads are of constant power, shunts are loads at 1 p.u., line charging
    is left out. In a transmission network a unit (``G<index>``, external grids ``X<index>``) gets
    its polynomial cost cut into `segments` equal segments, or its piecewise-linear cost as it is;
    ramps of half the largest power per hour are assumed. Static generators become renewable units
    (``W<index>``) with their power as capacity. A feeder is oriented away from its external grid.

    Parameters
    ----------
    net : pandapowerNet
        The network.
    kind : {"transmission", "distribution"}
        Kind of the group.
    load_profile : DataArray
        Dims (time) or (bus, time): factor on the network's loads.
    base_mva : float
        Power base in MVA of the case.
    segments : int
        Segments of a polynomial cost.
    bus_label : callable
        Label of a bus from its index, e.g. ``lambda index: str(index + 1)``.

    Returns
    -------
    Dataset
        As from :func:`~ambigrid.cases.network_tables.network_group`.

    Raises
    ------
    InputError
        Naming the element that cannot be read.
    """
    source = str(net.get("name") or "pandapower network")
    for table in _UNREAD:
        present = _in_service(net, table)
        if len(present):
            raise InputError(
                f"elements of the table {table} cannot be read",
                where=f"{source}, {table} {present.index[0]}",
                fix="replace the element by lines and two-winding transformers",
            )
    joined = _joined_buses(net)
    label = {index: bus_label(first) for index, first in joined.items()}
    network = NetworkTables(
        source=source,
        base_mva=base_mva,
        base_kv=_root_voltage_level(net),
        buses=list(dict.fromkeys(label.values())),
        load_active=_loads(net, label, "p_mw"),
        load_reactive=_loads(net, label, "q_mvar"),
        branches=[*_lines(net, label, base_mva), *_transformers(net, label, base_mva, source)],
        renewables=[
            RenewableUnit(f"W{index}", label[row.bus], float(row.p_mw * row.scaling))
            for index, row in _in_service(net, "sgen").iterrows()
        ],
    )
    if kind == "distribution":
        _set_root(network, net, label)
    elif kind == "transmission":
        network.units = _units(net, label, segments, source)
    return network_group(network, kind, load_profile)


def _in_service(net: Any, table: str) -> pd.DataFrame:
    rows: pd.DataFrame = net[table] if table in net else pd.DataFrame()
    return rows[rows["in_service"].astype(bool)] if len(rows) else rows


def _joined_buses(net: Any) -> dict[int, int]:
    """First bus of the group of buses, joined by closed bus-bus switches, that each belongs to."""
    first = {int(index): int(index) for index in _in_service(net, "bus").index}
    closed = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    for one, other in zip(closed.bus, closed.element, strict=True):
        if one in first and other in first:
            kept, gone = sorted((first[one], first[other]))
            first = {bus: kept if head == gone else head for bus, head in first.items()}
    return first


def _loads(net: Any, label: dict[int, str], column: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for table, factor in (("load", "scaling"), ("shunt", "step")):
        for _, row in _in_service(net, table).iterrows():
            if row.bus in label:
                bus = label[row.bus]
                total[bus] = total.get(bus, 0.0) + float(row[column] * row[factor])
    return total


def _switched_on(net: Any, table: str, letter: str, label: dict[int, str]) -> pd.DataFrame:
    """Branches in service, with both buses in service and no open switch at either end."""
    rows = _in_service(net, table)
    if not len(rows):
        return rows
    opened = net.switch[(net.switch.et == letter) & ~net.switch.closed.astype(bool)].element
    ends = ("from_bus", "to_bus") if table == "line" else ("hv_bus", "lv_bus")
    connected = rows[ends[0]].isin(list(label)) & rows[ends[1]].isin(list(label))
    return rows[connected & ~rows.index.isin(opened)]


def _lines(net: Any, label: dict[int, str], base_mva: float) -> list[Branch]:
    branches = []
    for index, row in _switched_on(net, "line", "l", label).iterrows():
        volts = float(net.bus.vn_kv.at[row.from_bus])
        ohm = volts**2 / base_mva * row.parallel / row.length_km
        current = float(row.max_i_ka) * row.df * row.parallel * _loading(row)
        limited = np.isfinite(current) and row.max_i_ka < _UNLIMITED_CURRENT
        branches.append(
            Branch(
                f"L{index}",
                label[row.from_bus],
                label[row.to_bus],
                float(row.r_ohm_per_km / ohm),
                float(row.x_ohm_per_km / ohm),
                np.sqrt(3.0) * volts * current if limited else np.inf,
            )
        )
    return branches


def _transformers(net: Any, label: dict[int, str], base_mva: float, source: str) -> list[Branch]:
    branches = []
    for index, row in _switched_on(net, "trafo", "t", label).iterrows():
        if float(row.shift_degree) % 30.0:
            raise InputError(
                "phase-shifting transformers cannot be read",
                where=f"{source}, trafo {index}",
                got=f"{row.shift_degree} degrees",
            )
        high, low = (float(net.bus.vn_kv.at[bus]) for bus in (row.hv_bus, row.lv_bus))
        base = base_mva / row.sn_mva / row.parallel * (row.vn_lv_kv / low) ** 2
        resistance, impedance = row.vkr_percent / 100.0 * base, row.vk_percent / 100.0 * base
        branches.append(
            Branch(
                f"T{index}",
                label[row.hv_bus],
                label[row.lv_bus],
                float(resistance),
                float(np.sqrt(impedance**2 - resistance**2)),
                float(row.sn_mva * row.parallel * row.df * _loading(row)),
                _tap(row) * float(row.vn_hv_kv / row.vn_lv_kv * low / high),
            )
        )
    return branches


def _loading(row: pd.Series) -> float:
    percent = row.get("max_loading_percent", np.nan)
    return 1.0 if pd.isna(percent) else float(percent) / 100.0


def _tap(row: pd.Series) -> float:
    """Factor on the ratio high to low voltage that the tap position makes."""
    if pd.isna(row.tap_pos) or pd.isna(row.tap_neutral) or pd.isna(row.tap_step_percent):
        return 1.0
    factor = 1.0 + (row.tap_pos - row.tap_neutral) * row.tap_step_percent / 100.0
    return float(factor if row.tap_side == "hv" else 1.0 / factor)


def _set_root(network: NetworkTables, net: Any, label: dict[int, str]) -> None:
    grids = _in_service(net, "ext_grid")
    if len(grids) != 1:
        raise InputError(
            "a feeder needs exactly one external grid in service, at its root",
            where=f"{network.source}, ext_grid",
            got=len(grids),
        )
    units = _in_service(net, "gen")
    if len(units):
        raise InputError(
            "a distribution group has no dispatchable units",
            where=f"{network.source}, gen {units.index[0]}",
            fix="make it a static generator (renewable), or take it out of service",
        )
    network.root = label[grids.bus.iloc[0]]
    network.root_voltage = float(grids.vm_pu.iloc[0])


def _root_voltage_level(net: Any) -> float:
    grids = _in_service(net, "ext_grid")
    bus = grids.bus.iloc[0] if len(grids) else net.bus.index[0]
    return float(net.bus.vn_kv.at[bus])


def _units(net: Any, label: dict[int, str], segments: int, source: str) -> list[CostUnit]:
    units = []
    for table, letter in (("ext_grid", "X"), ("gen", "G")):
        for index, row in _in_service(net, table).iterrows():
            limits = [row.get(name, np.nan) for name in ("min_p_mw", "max_p_mw")]
            if pd.isna(limits[1]):
                raise InputError(
                    "the unit has no largest power",
                    where=f"{source}, {table} {index}, max_p_mw",
                    fix="give max_p_mw, or take the element out of service",
                )
            low, high = (0.0 if pd.isna(value) else float(value) for value in limits)
            points = _cost_points(net, (table, index), (low, high), segments, source)
            units.append(CostUnit(f"{letter}{index}", label[row.bus], points))
    return units


def _cost_points(
    net: Any,
    element: tuple[str, Hashable],
    limits: tuple[float, float],
    segments: int,
    source: str,
) -> tuple[tuple[float, float], ...]:
    for name in ("poly_cost", "pwl_cost"):
        costs = net[name]
        rows = costs[(costs.et == element[0]) & (costs.element == element[1])]
        if len(rows) and name == "poly_cost":
            row = rows.iloc[0]
            coefficients = (row.cp2_eur_per_mw2, row.cp1_eur_per_mw, row.cp0_eur)
            return polynomial_points(coefficients, *limits, segments)
        if len(rows):
            return piecewise_points(_integrated(rows.iloc[0].points), *limits)
    raise InputError(
        "the unit has no cost",
        where=f"{source}, {element[0]} {element[1]}",
        fix="add it with pandapower.create_poly_cost or create_pwl_cost",
    )


def _integrated(pieces: list[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Cost at the ends of pieces (from MW, to MW, slope); zero at zero power."""
    start, _, slope = pieces[0]
    points = [(float(start), float(start * slope))]
    for first, last, slope in pieces:
        points.append((float(last), points[-1][1] + (last - first) * slope))
    return points
