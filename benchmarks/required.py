"""What the design requires of a run, beside what is reached; goals beyond that, too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import ambigrid as ag
from ambigrid.algorithms.active_rows import ActiveRows
from ambigrid.algorithms.master import Master
from ambigrid.algorithms.vertex_search import VertexSearch
from ambigrid.coordination.local import LocalAgent
from benchmarks.fresh import Bench, Record, Task
from benchmarks.report import Report, Table, plain
from benchmarks.size import SOLVED
from benchmarks.timing import Methods, by_phase

SYSTEMS = ("t30d2", "t118d10")


@dataclass(frozen=True)
class Requirement:
    """One number: at most `limit` is required, at most `goal` hoped for.

    Attributes
    ----------
    what : str
    reached : callable
        From the measurements by name.
    limit : float
    unit : str
        "s" or "%".
    goal : float, optional
    """

    what: str
    reached: Callable[[dict[str, Record]], float]
    limit: float
    unit: str
    goal: float | None = None


def _of(system: str, name: str, factor: float = 1.0) -> Callable[[dict[str, Record]], float]:
    return lambda records: factor * records[system][name]


def _building(system: str, records: dict[str, Record]) -> float:
    record = records[system]
    return float(100.0 * record["build_seconds"] / record["call_seconds"])


REQUIREMENTS = (
    Requirement("t30d2: to `converged`", _of("t30d2", "wall_seconds"), 30.0, "s"),
    Requirement("t30d2: the proof after that", _of("t30d2", "certificate_seconds"), 120.0, "s"),
    Requirement("t30d2: proved gap", _of("t30d2", "gap", 100.0), 0.5, "%"),
    Requirement("t118d10: to `converged`", _of("t118d10", "wall_seconds"), 300.0, "s", goal=100.0),
    Requirement("t118d10: own gap", _of("t118d10", "gap", 100.0), 0.5, "%"),
    Requirement("t30d2: building, of the whole run", partial(_building, "t30d2"), 10.0, "%"),
    Requirement("t118d10: building, of the whole run", partial(_building, "t118d10"), 10.0, "%"),
    Requirement("import ambigrid", lambda records: records["import"]["seconds"], 1.5, "s"),
)


PHASES: Methods = {
    "quadratic masters": ((ActiveRows, "solve"),),
    "linear masters": ((Master, "solve"),),
    "searches": ((VertexSearch, "best"), (VertexSearch, "glance")),
    "proof": ((LocalAgent, "_certify"),),
}
_PHASE_COLUMNS = ("operators", *PHASES, "else", "together")


def required(bench: Bench) -> Report:
    """Run every system in a fresh process and compare with what is required of it."""
    records = {
        name: bench.measure(Task(name, "benchmarks.required:measure_run", {"name": name}))
        for name in SYSTEMS
    }
    records["import"] = bench.measure(Task("import", "benchmarks.required:measure_import", {}))
    rows = tuple(_row(item, records) for item in REQUIREMENTS)
    columns = ("what", "required", "goal", "reached", "verdict")
    runs = tuple(_run(name, records[name]) for name in SYSTEMS)
    phases = tuple(row for name in SYSTEMS for row in _phases(name, records[name]))
    return Report(
        "required",
        (
            Table("Required numbers", columns, rows),
            Table("The runs", ("system", "status", "iterations", "objective $", "bound $"), runs),
            Table("Where the time goes, s of processor", ("system", *_PHASE_COLUMNS), phases),
        ),
        notes=(
            "`ambigrid run` of both systems with its defaults, proof included, each in a fresh "
            "process. Building counts within the whole run from the study to the result.",
            "Where the time goes: processor seconds of the operators' threads while they answer. "
            "Linear masters give bounds and follow exchanges, quadratic ones propose; searches "
            "are recourse programs at the worst calls; the proof is mixed-integer programs.",
        ),
        records=plain([{"name": name, **record} for name, record in records.items()]),
    )


def measure_run(*, name: str) -> Record:
    """Solve a built-in system as ``ambigrid run`` does; times in s."""
    case = ag.load_case(name)
    started = time.perf_counter()
    with by_phase(LocalAgent, "answer", PHASES) as phases:
        result = ag.solve(ag.EVFlexibility(case))
    numbers = ("wall_seconds", "certificate_seconds", "build_seconds", "iterations")
    return {
        "status": str(result.status),
        "objective": result.objective,
        "bound": result.bound,
        "gap": result.gap,
        "call_seconds": time.perf_counter() - started,
        "phases": phases,
        **{number: float(result.attribute(number, 0.0)) for number in numbers},
    }


def measure_import() -> Record:
    """Import the package in an interpreter of its own, three times; the shortest, s."""
    code = "import time; t = time.perf_counter(); import ambigrid; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    times = [float(subprocess.check_output(command, text=True)) for _ in range(3)]
    return {"seconds": min(times)}


def _row(item: Requirement, records: dict[str, Record]) -> tuple[str, ...]:
    limits = (f"≤ {item.limit:g} {item.unit}", f"≤ {item.goal:g} {item.unit}" if item.goal else "")
    failed = next((r["failed"] for r in records.values() if "failed" in r), None)
    try:
        reached = item.reached(records)
    except KeyError:
        return (item.what, *limits, "–", f"not measured: {failed}")
    return (item.what, *limits, f"{reached:.3g} {item.unit}", _verdict(item, reached, records))


def _verdict(item: Requirement, reached: float, records: dict[str, Record]) -> str:
    system = records.get(item.what.partition(":")[0])
    if system is not None and system["status"] not in SOLVED:
        return f"missed: {system['status']}"
    if item.goal is not None and reached <= item.goal:
        return "met, and the goal"
    return "met" if reached <= item.limit else "missed"


def _phases(name: str, record: Record) -> list[tuple[str, ...]]:
    """Rows of one system: the transmission operator, and all feeders together."""
    if "failed" in record:
        return [(name, record["failed"], *[""] * (len(_PHASE_COLUMNS) - 1))]
    rows = []
    for who in ("transmission", "distribution"):
        agents = [spent for agent, spent in record["phases"].items() if agent.startswith(who)]
        totals = [sum(spent.get(label, 0.0) for spent in agents) for label in _PHASE_COLUMNS[1:-1]]
        words = who if len(agents) == 1 else f"{len(agents)} feeders"
        rows.append((name, words, *(f"{total:.1f}" for total in [*totals, sum(totals)])))
    return rows


def _run(name: str, record: Record) -> tuple[str, ...]:
    if "failed" in record:
        return (name, record["failed"], "", "", "")
    numbers = f"{record['objective']:,.0f}", f"{record['bound']:,.0f}"
    return (name, record["status"], f"{record['iterations']:.0f}", *numbers)
