"""Other software beside this package: the same problems in one run, where they can do the job.

The peers are the centralised extensive form by linopy and HiGHS, and RSOME. Their optimum must lie
between the bounds of our own methods, and a row says so if it does not.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ambigrid.cli.common import say
from benchmarks.fresh import Bench, Record, Task
from benchmarks.own import LOOPS
from benchmarks.problems import KINDS, Problem
from benchmarks.report import Report, Table, plain
from benchmarks.size import METHODS, SOLVED

COLUMNS = ("solver", "build s", "solve s", "ratio", "objective $", "difference", "note")
WRONG = "WRONG"
TOLERANCE = 1e-6
"""Relative difference of objectives that is rounding."""

LARGEST = 10**6
"""Copies of the redispatch beyond which an extensive form is not even written."""


@dataclass(frozen=True)
class Size:
    """Sizes of the problems, and how far to go.

    Attributes
    ----------
    feeders, scenarios, hours : int
        Of the whole system, as in `scale_case`.
    short_hours : int
        Horizon where all calls are listed, h.
    seed : int
        Data seed.
    gap : float
        Relative gap of our own methods.
    time_limit : float
        Seconds for one solver.
    """

    feeders: int = 2
    scenarios: int = 10
    hours: int = 24
    short_hours: int = 4
    seed: int = 0
    gap: float = 5e-3
    time_limit: float = 3600.0

    def problem(self, kind: str) -> Problem:
        """Return the problem of a kind."""
        hours = self.short_hours if kind == "listed" else self.hours
        return Problem(kind, self.feeders, self.scenarios, hours, self.seed)


@dataclass(frozen=True)
class Contender:
    """A solver on a problem: a task, or the reason why it cannot do the job.

    Attributes
    ----------
    name : str
    own : bool
        Whether it is a method of this package.
    task : Task or None
    reason : str
    """

    name: str
    own: bool
    task: Task | None
    reason: str = ""


def peers(size: Size, bench: Bench) -> Report:
    """Run every solver on every problem; compare times and objectives."""
    tables, wrong = [], []
    records: list[Record] = [{"size": asdict(size)}]
    for kind, described in KINDS.items():
        problem = size.problem(kind)
        found = [(one, _measured(one, problem, bench)) for one in contenders(problem, size)]
        rows = [_row(one, record, found) for one, record in found]
        title = f"{described.title}: {problem.size}"
        tables.append(Table(title, COLUMNS, tuple(rows)))
        wrong += [f"{title}, {row[0]}: {row[5]}" for row in rows if WRONG in row[5]]
        records += [{"problem": asdict(problem), "solver": o.name, **r} for o, r in found]
    return Report("peers", tuple(tables), _notes(size), records=plain(records), wrong=tuple(wrong))


def contenders(problem: Problem, size: Size) -> Iterator[Contender]:
    """Name the solvers of a problem, peers first."""
    limit = {"time_limit": size.time_limit}
    copies = problem.scenarios * problem.calls()
    for solver in ("simplex", "ipm"):
        name = f"linopy + HiGHS ({solver})"
        if copies > LARGEST:
            yield Contender(name, False, None, _too_many(problem, copies))
        else:
            function = "benchmarks.linopy_peer:solve_extensive"
            yield Contender(name, False, _task(problem, solver, function, limit, solver=solver))
    yield _rsome(problem, limit)
    methods = METHODS if KINDS[problem.kind].whole else LOOPS
    for method in methods:
        task = _task(
            problem, method, "benchmarks.own:solve_own", limit, method=method, gap=size.gap
        )
        yield Contender(f"ambigrid {method}", True, task)


def _rsome(problem: Problem, limit: dict[str, float]) -> Contender:
    if importlib.util.find_spec("rsome") is None:
        return Contender("RSOME", False, None, "not installed (extra test)")
    if problem.calls() > 1:
        reason = (
            "cannot: the box of calls is a decision, and recourse that follows a call is "
            "restricted to decision rules, an upper bound"
        )
        return Contender("RSOME", False, None, reason)
    if KINDS[problem.kind].whole:
        reason = "not written: a worst law for every operator on its own"
        return Contender("RSOME", False, None, reason)
    return Contender(
        "RSOME", False, _task(problem, "rsome", "benchmarks.rsome_peer:solve_rsome", limit)
    )


def _too_many(problem: Problem, copies: int) -> str:
    return (
        f"cannot: {copies:,} copies of each feeder's redispatch, one for every scenario and every "
        f"corner of the calls (2 to the {problem.hours})"
    )


def _task(
    problem: Problem, own_name: str, function: str, limit: dict[str, float], **how: str | float
) -> Task:
    name = (
        f"{problem.kind}-{own_name}-{problem.distributions}-feeders-{problem.scenarios}-scenarios-"
        f"{problem.hours}-hours-seed-{problem.seed}"
    )
    return Task(name, function, {**asdict(problem), **limit, **how})


def _measured(one: Contender, problem: Problem, bench: Bench) -> Record:
    record = {"failed": one.reason} if one.task is None else bench.measure(one.task)
    told = record.get("failed") or f"{record['status']} in {_seconds(record):.1f} s"
    say(f"peers: {KINDS[problem.kind].title}, {one.name}: {told}")
    return record


def _row(one: Contender, record: Record, found: list[tuple[Contender, Record]]) -> tuple[str, ...]:
    if "failed" in record:
        return one.name, "", "", "", "", "", record["failed"]
    quickest = quickest_own(found)
    return (
        one.name,
        f"{record['build_seconds']:.1f}",
        f"{record['solve_seconds']:.1f}",
        f"{_seconds(record) / _seconds(quickest):.2f}" if quickest else "–",
        f"{record['objective']:,.2f}",
        difference(one, record, found),
        f"{record['status']}, {record['note']}",
    )


def difference(one: Contender, record: Record, found: list[tuple[Contender, Record]]) -> str:
    """Difference from the peers' optimum, and whether it lies within the bounds it must."""
    optima = [r["objective"] for o, r in found if not o.own and r.get("status") == "optimal"]
    if not optima:
        return "no peer"
    if not one.own and record["status"] != "optimal":
        return "not optimal"
    optimum = float(optima[0])
    rounding, apart = TOLERANCE * max(1.0, abs(optimum)), float(record["objective"]) - optimum
    least, most = (record["bound"], record["objective"]) if one.own else [record["objective"]] * 2
    agrees = least - rounding <= optimum <= most + rounding
    shown = f"{100 * apart / max(1.0, abs(optimum)):+.4f} %".replace("-", "−")
    return shown if agrees else f"{shown}: {WRONG}"


def quickest_own(found: list[tuple[Contender, Record]]) -> Record | None:
    """Return the quickest of our own methods that ended with what was asked for."""
    own = [r for one, r in found if one.own and r.get("status") in SOLVED]
    return min(own, key=_seconds, default=None)


def _seconds(record: Record) -> float:
    return float(np.sum([record["build_seconds"], record["solve_seconds"]]))


def _notes(size: Size) -> tuple[str, ...]:
    return (
        f"Ratio: building and solving together, to the quickest of our own methods on the problem. "
        f"Peers solve to optimality, our methods to a gap of {100 * size.gap:g} % with the proof. "
        "Every solver runs in a fresh process on the same case; making the case is not counted.",
        "Difference: of the objective to the first peer's optimum, which must be every peer's, and "
        f"lie between our bound and our objective; a row that breaks this is marked {WRONG}.",
        "The extensive form uses this package's physics without its limits that can never bind, so "
        "the peer gets that reduction, too. One operator: transmission with zero exchange.",
    )
