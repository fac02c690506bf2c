"""This package's own methods on the problems that peers get; for a fresh process."""

from __future__ import annotations

import time
from typing import Any

import ambigrid as ag
from benchmarks.problems import KINDS, Problem
from benchmarks.size import METHODS

LOOPS: dict[str, type[ag.Extensive] | type[ag.ColumnConstraint] | type[ag.Benders]] = {
    loop.name: loop for loop in (ag.Extensive, ag.ColumnConstraint, ag.Benders)
}


def solve_own(*, method: str, gap: float, time_limit: float, **problem: Any) -> dict[str, Any]:
    """Build and solve a problem, with the proof.

    Parameters
    ----------
    method : str
        Name of a loop for the operator's problem, of a coordination for a system.
    gap : float
        Relative.
    time_limit : float
        Seconds, and as many for the proof.
    **problem
        As `Problem`.
    """
    given = Problem(**problem)
    study = given.study()
    started = time.perf_counter()
    agents = study.agents()
    built = time.perf_counter()
    if KINDS[given.kind].whole:
        record = _system(study, method, gap, time_limit)
    else:
        record = _operator(agents[study.transmission], method, gap, time_limit)
    seconds = {"build_seconds": built - started, "solve_seconds": time.perf_counter() - built}
    return {**record, **seconds}


def _system(study: ag.EVFlexibility, method: str, gap: float, limit: float) -> dict[str, Any]:
    result = ag.solve(study, METHODS[method], gap=gap, time_limit=limit, certificate_limit=limit)
    coordination, proof = (
        float(result.attribute(f"{part}_seconds", 0.0)) for part in ("wall", "certificate")
    )
    return {
        "status": str(result.status),
        "objective": result.objective,
        "bound": result.bound,
        "note": f"gap {100 * result.gap:.2f} %, {result.attribute('iterations')} it., "
        f"coordination {coordination:.1f} s, proof {proof:.1f} s",
    }


def _operator(agent: Any, method: str, gap: float, limit: float) -> dict[str, Any]:
    loop = LOOPS[method]
    chosen = loop() if method == ag.Extensive.name else loop(gap=gap)
    solution = ag.robustify(agent.program, ambiguity=agent.ambiguity).solve(
        chosen, time_limit=limit
    )
    return {
        "status": str(solution.status),
        "objective": solution.objective + agent.constant,
        "bound": solution.bound + agent.constant,
        "note": f"gap {100 * solution.gap:.2f} %, {solution.iterations} it.",
    }
