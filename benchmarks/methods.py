"""What one system costs: rows of a table, with a ratio where two things are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import numpy as np

from ambigrid import Result, solve
from ambigrid.algorithms.benders import Benders
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.master import Master
from ambigrid.algorithms.recourse import RecourseProgram, Vertex
from ambigrid.algorithms.stopping import Budget
from ambigrid.cases import load_case
from ambigrid.cli.common import say
from ambigrid.coordination import ADMM, Agent, Centralized, CutSharing
from ambigrid.studies.ev_flexibility import EVFlexibility
from benchmarks.methods_picture import Row, draw
from benchmarks.report import Report, Table
from benchmarks.timing import seconds, timed

CASE = "t30d2"
METHODS = (ADMM(), CutSharing(), Centralized())
TIME_LIMIT = 900.0
VERTICES = 40
EXCHANGES = 2
EXCHANGE_GAP = 0.02

_PLACES = {
    "recourse programs": ((RecourseProgram, "value"),),
    "masters": ((Master, "solve"), (Master, "project")),
}


def methods_report() -> Report:
    """Measure everything about one system."""
    rows = []
    for group in (cold_and_warm, shares, methods):
        for row in group():
            say(f"methods: {row.group}: {row.what}, {row.seconds:.2f} s")
            rows.append(row)
    cells = ((r.group, r.what, f"{r.seconds:.2f}", _ratio(r), r.note) for r in rows)
    columns = ("group", "what", "seconds", "ratio", "note")
    return Report(
        "methods",
        (Table(f"Methods, and where the time goes, on {CASE}", columns, tuple(cells)),),
        ("A ratio is to the centralised method, to from scratch, or to the whole call.",),
        lambda path: draw(rows, path),
        tuple(asdict(row) for row in rows),
    )


def methods() -> Iterator[Row]:
    """Decentralised against centralised: wall time of the coordination, ratio to centralised."""
    study = EVFlexibility(load_case(CASE))
    results = [_solved(study, method, threads=None) for method in METHODS]
    reference = _wall(results[-1])
    for result in results:
        note = (
            f"{result.status}, gap {100 * result.gap:.2f} %, {result.attribute('iterations')} it."
        )
        ratio = _wall(result) / reference
        yield Row("method", str(result.attribute("method")), _wall(result), ratio, note)


def cold_and_warm() -> Iterator[Row]:
    """Solve what repeats in a run, from scratch and kept in the solver; ratio to from scratch."""
    agent = EVFlexibility(load_case(CASE)).agents()["distribution_1"]
    yield from _pair("recourse program", *_recourse(agent), f"{VERTICES} calls and outcomes")
    yield from _pair("cost at an exchange", *_exchanges(agent), f"{EXCHANGES} exchanges")


def shares() -> Iterator[Row]:
    """Where the time of a whole call goes with one thread; ratio to the whole."""
    study, results = EVFlexibility(load_case(CASE)), []
    with timed(_PLACES) as spent:
        whole = seconds(lambda: results.append(_solved(study, ADMM(), threads=1)))
    build = float(results[0].attribute("build_seconds"))
    parts = {"building": build, **spent}
    parts["all else"] = whole - sum(parts.values())
    for what, taken in parts.items():
        yield Row("share", what, taken, taken / whole)


def _solved(
    study: EVFlexibility, method: ADMM | CutSharing | Centralized, threads: int | None
) -> Result:
    return solve(study, method, certify=False, time_limit=TIME_LIMIT, threads=threads)


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def _wall(result: Result) -> float:
    return float(result.attribute("wall_seconds"))


def _pair(
    what: str, cold: Callable[[], object], warm: Callable[[], object], note: str
) -> Iterator[Row]:
    from_scratch, kept = seconds(cold), seconds(warm)
    yield Row("repeat", f"{what}, cold", from_scratch, 1.0, note)
    yield Row("repeat", f"{what}, warm", kept, kept / from_scratch, note)


def _recourse(agent: Agent) -> tuple[Callable[[], object], Callable[[], object]]:
    """The recourse at random calls and sampled outcomes, half of the stations' room bought."""
    program, random = agent.program, np.random.default_rng(0)
    x = 0.5 * np.minimum(program.first_stage.upper, 1.0)
    outcomes = Block(agent.name, program, agent.ambiguity).risk.support
    vertices = [
        Vertex(outcomes[k % len(outcomes)], random.choice([-1, 1], program.adversarial.size))
        for k in range(VERTICES)
    ]
    kept = RecourseProgram(program)
    kept.value(x, vertices[0])
    return (
        lambda: [RecourseProgram(program).value(x, vertex) for vertex in vertices],
        lambda: [kept.value(x, vertex) for vertex in vertices],
    )


def _exchanges(agent: Agent) -> tuple[Callable[[], object], Callable[[], object]]:
    """The cost of neighbouring exchanges, with cuts forgotten or kept."""
    first = agent.program.first_stage
    shared = np.concatenate(
        [agent.program.columns(f"boundary_reserve_{d}") for d in ("up", "down")]
    )
    offers = [0.1 + 0.02 * k for k in range(EXCHANGES)]

    def fresh() -> Master:
        return Master([Block(agent.name, agent.program, agent.ambiguity)])

    def cost(master: Master, offer: float) -> float:
        values = np.minimum(np.full(len(shared), offer), first.upper[shared])
        master.set_bounds(0, shared, values, values)
        return Benders(gap=EXCHANGE_GAP).run(master, Budget(np.inf)).upper

    kept = fresh()
    cost(kept, offers[0] - 0.02)
    return (
        lambda: [cost(fresh(), offer) for offer in offers],
        lambda: [cost(kept, offer) for offer in offers],
    )
