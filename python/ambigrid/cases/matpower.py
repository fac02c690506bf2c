"""Networks from MATPOWER case files (``.m``, version 2).

Column meanings: MATPOWER User's Manual, appendix B, "Data File Format".
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr

from ambigrid.cases.cost_curves import piecewise_points, polynomial_points
from ambigrid.cases.network_tables import (
    Branch,
    CostUnit,
    Kind,
    NetworkTables,
    network_group,
)
from ambigrid.errors import InputError

_MATRICES = {"bus": 13, "gen": 10, "branch": 11, "gencost": 5}  # least number of columns
_REFERENCE, _ISOLATED = 3, 4
# What distribution cases do after their tables, without blanks.
_BASES = {"Vbase=mpc.bus(1,BASE_KV)*1e3", "Sbase=mpc.baseMVA*1e6"}
_OHM_TO_PER_UNIT = re.compile(
    r"mpc\.branch\(:,\[BR_R,?BR_X\]\)=mpc\.branch\(:,\[BR_R,?BR_X\]\)/\(Vbase\^2/Sbase\)"
)
_KILOWATT_TO_MEGAWATT = re.compile(r"mpc\.bus\(:,\[PD,?QD\]\)=mpc\.bus\(:,\[PD,?QD\]\)/(1e3|1000)")


def from_matpower(
    path: str | Path,
    kind: Kind,
    load_profile: xr.DataArray,
    *,
    base_mva: float = 100.0,
    segments: int = 3,
) -> xr.Dataset:
    """Read the network part of a group from a MATPOWER case file.

    Only what is in service is read: branches ``L<row>``, units ``G<row>``, rows counted from 1.
    Line charging is left out, shunts are loads at 1 p.u., a rating of 0 is none. Units get their
    polynomial cost cut into `segments` equal segments, or their piecewise-linear cost as it is;
    ramps of half the largest power per hour are assumed. In a feeder the reference bus is the root,
    at which a unit only fixes the voltage. The statements with which distribution cases turn ohm
    into p.u. and kW into MW are recognised and carried out.

    Parameters
    ----------
    path : path
        The ``.m`` file.
    kind : {"transmission", "distribution"}
        Kind of the group.
    load_profile : DataArray
        Dims (time) or (bus, time): factor on the network's loads.
    base_mva : float
        Power base in MVA of the case.
    segments : int
        Segments of a polynomial cost.

    Returns
    -------
    Dataset
        As from :func:`~ambigrid.cases.network_tables.network_group`.

    Raises
    ------
    InputError
        For a file or table that cannot be read, a statement that changes the tables in another
        way, and elements that a group of this kind cannot hold.
    """
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError("the file cannot be read", where=str(source), got=str(error)) from error
    tables, file_base = _parse(text, source.name)
    bus = tables["bus"][tables["bus"][:, 1] != _ISOLATED]
    labels = [_label(number) for number in bus[:, 0]]
    network = NetworkTables(
        source=source.name,
        base_mva=base_mva,
        base_kv=float(bus[0, 9]),
        buses=labels,
        load_active=dict(zip(labels, (bus[:, 2] + bus[:, 4]).tolist(), strict=True)),
        load_reactive=dict(zip(labels, (bus[:, 3] - bus[:, 5]).tolist(), strict=True)),
        branches=_branches(tables["branch"], labels, base_mva / file_base, source.name),
    )
    if kind == "distribution":
        _set_root(network, bus, tables["gen"])
    elif kind == "transmission":
        network.units = _units(tables, segments, source.name)
    return network_group(network, kind, load_profile)


def _parse(text: str, source: str) -> tuple[dict[str, np.ndarray], float]:
    """Tables by name, in p.u., MW and MVAr, and the power base in MVA."""
    code = re.sub(r"%[^\n]*", "", text)
    code = re.sub(r"\.\.\.[^\n]*\n", " ", code)
    base = re.search(r"mpc\.baseMVA\s*=\s*([^;\s]+)", code)
    tables = {}
    for name, columns in _MATRICES.items():
        found = re.search(rf"mpc\.{name}\s*=\s*\[(.*?)\]", code, re.DOTALL)
        if found is None and name == "gencost":
            continue
        if found is None or base is None:
            raise InputError(
                "the file is not a MATPOWER case of version 2",
                where=f"{source}, mpc.{name if base else 'baseMVA'}",
                got="no such assignment",
                fix="give a case file as savecase writes it",
            )
        tables[name] = _matrix(found[1], columns, f"{source}, mpc.{name}")
    base_mva = float(base[1]) if base else 1.0
    _convert_units(code, tables, base_mva, source)
    return tables, base_mva


def _matrix(body: str, columns: int, where: str) -> np.ndarray:
    rows: list[list[float]] = []
    for number, line in enumerate((row for row in re.split(r"[;\n]", body) if row.strip()), 1):
        try:
            rows.append([float(cell) for cell in re.split(r"[\s,]+", line.strip(" \t\r,"))])
        except ValueError:
            raise InputError(
                "a cell is not a number", where=f"{where}, row {number}", got=line.strip()
            ) from None
        if len(rows[-1]) < columns or (len(rows[-1]) != len(rows[0]) and "gencost" not in where):
            raise InputError(
                f"a row needs at least {columns} columns, as many as the first",
                where=f"{where}, row {number}",
                got=len(rows[-1]),
            )
    width = max((len(row) for row in rows), default=columns)
    matrix = np.zeros((len(rows), width))
    for number, row in enumerate(rows):
        matrix[number, : len(row)] = row
    return matrix


def _convert_units(code: str, tables: dict[str, np.ndarray], base_mva: float, source: str) -> None:
    """Carry out the statements after the tables; refuse what is not known."""
    code = re.sub(r"mpc\.\w+\s*=\s*(\[.*?\]|\{.*?\}|[^;\n\[{]*)\s*;", "", code, flags=re.DOTALL)
    statements = [re.sub(r"\s", "", statement) for statement in re.split(r"[;\n]", code)]
    bases = {statement for statement in statements if re.match(r"[VS]base=", statement)}
    for statement in statements:
        if _KILOWATT_TO_MEGAWATT.fullmatch(statement):
            tables["bus"][:, 2:4] /= 1e3
        elif _OHM_TO_PER_UNIT.fullmatch(statement) and bases == _BASES:
            tables["branch"][:, 2:4] /= tables["bus"][0, 9] ** 2 / base_mva
        elif statement.startswith("mpc."):
            raise InputError(
                "a statement changes the tables in a way that is not known",
                where=f"{source}, after the tables",
                got=statement,
                fix="load the case in MATPOWER and write it with savecase",
            )


def _label(number: float) -> str:
    return str(int(number))


def _branches(table: np.ndarray, labels: list[str], scale: float, source: str) -> list[Branch]:
    """Branches in service between buses in service; `scale` turns p.u. of the file into ours."""
    branches = []
    known = set(labels)
    for number, row in enumerate(table, 1):
        ends = (_label(row[0]), _label(row[1]))
        if row[10] <= 0.0:
            continue
        if not known.issuperset(ends):
            raise InputError(
                "the branch ends at a bus that does not exist or is isolated",
                where=f"{source}, mpc.branch, row {number}",
                got=f"{ends[0]} to {ends[1]}",
                fix="set its status to 0, or add the bus",
            )
        if row[9]:
            raise InputError(
                "phase-shifting transformers cannot be read",
                where=f"{source}, mpc.branch, row {number}",
                got=f"{row[9]} degrees",
            )
        limit = float(row[5]) or np.inf
        ratio = float(row[8]) or 1.0
        impedance = (float(row[2]) * scale, float(row[3]) * scale)
        branches.append(Branch(f"L{number}", *ends, *impedance, limit, ratio))
    return branches


def _set_root(network: NetworkTables, bus: np.ndarray, gen: np.ndarray) -> None:
    reference = bus[bus[:, 1] == _REFERENCE]
    if len(reference) != 1:
        raise InputError(
            "a feeder needs exactly one reference bus (type 3)",
            where=f"{network.source}, mpc.bus",
            got=len(reference),
        )
    network.root = _label(reference[0, 0])
    network.root_voltage = float(reference[0, 7])
    for number, row in enumerate(gen, 1):
        if row[7] <= 0.0:
            continue
        if _label(row[0]) != network.root:
            raise InputError(
                "a distribution group has no dispatchable units",
                where=f"{network.source}, mpc.gen, row {number}",
                got=f"a unit at bus {_label(row[0])}",
                fix="set its status to 0 and give it as a renewable unit",
            )
        network.root_voltage = float(row[5])


def _units(tables: dict[str, np.ndarray], segments: int, source: str) -> list[CostUnit]:
    if "gencost" not in tables or len(tables["gencost"]) < len(tables["gen"]):
        raise InputError(
            "every unit needs a cost",
            where=f"{source}, mpc.gencost",
            got=f"{len(tables.get('gencost', ()))} rows for {len(tables['gen'])} units",
        )
    units = []
    for number, (row, cost) in enumerate(zip(tables["gen"], tables["gencost"], strict=False), 1):
        if row[7] > 0.0:
            points = _cost_points(cost, (float(row[9]), float(row[8])), segments)
            units.append(CostUnit(f"G{number}", _label(row[0]), points))
    return units


def _cost_points(
    cost: np.ndarray, limits: tuple[float, float], segments: int
) -> tuple[tuple[float, float], ...]:
    """Row of gencost: model 1 holds points (MW, $/h), model 2 coefficients, highest power first."""
    model, count, data = int(cost[0]), int(cost[3]), cost[4:]
    if model == 1:
        pairs = zip(data[: 2 * count : 2].tolist(), data[1 : 2 * count : 2].tolist(), strict=True)
        return piecewise_points(pairs, *limits)
    return polynomial_points(data[:count].tolist(), *limits, segments)
