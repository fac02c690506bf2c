"""One system of a chosen size, solved and looked at from all sides; for a fresh process."""

from __future__ import annotations

import time
from typing import Any

import ambigrid as ag
from ambigrid.coordination import ADMM, Centralized, CutSharing
from ambigrid.coordination.local import LocalAgent
from benchmarks.fresh import resident_memory
from benchmarks.timing import by_agent

SOLVED = ("optimal", "converged")
METHODS: dict[str, ADMM | CutSharing | Centralized] = {
    method.name: method for method in (ADMM(), CutSharing(), Centralized())
}


def measure_size(
    *, distributions: int, scenarios: int, hours: int, seed: int, **how: Any
) -> dict[str, Any]:
    """Make a system, solve it without the proof, and say where time and memory went.

    Parameters
    ----------
    distributions, scenarios, hours, seed : int
        As in `scale_case`.
    **how
        ``method`` (name), ``gap`` (relative), ``time_limit`` (s).

    Returns
    -------
    dict
        Seconds: `case_seconds` and `build_seconds` (making data and programs), `call_seconds` (all
        of `solve` after that), `wall_seconds` (the coordination in it); of all processors:
        `build_processor_seconds`, `processor_seconds`, and by agent in `agent_seconds` those of
        its threads while it answers. `empty_memory_mb`: before the case is made.
    """
    empty, started, before = resident_memory(), time.perf_counter(), time.process_time()
    case = ag.scale_case(distributions=distributions, scenarios=scenarios, hours=hours, seed=seed)
    made, study = time.perf_counter(), ag.EVFlexibility(case)
    making = time.process_time()
    study.agents()
    built, building = time.perf_counter(), time.process_time() - making
    with by_agent(LocalAgent, "answer") as agents:
        result = ag.solve(
            study,
            METHODS[how["method"]],
            gap=how["gap"],
            time_limit=how["time_limit"],
            certify=False,
        )
    return {
        "agents": 1 + distributions,
        "status": str(result.status),
        "objective": result.objective,
        "bound": result.bound,
        "gap": result.gap,
        "iterations": int(result.attribute("iterations")),
        "case_seconds": made - started,
        "build_seconds": built - made,
        "build_processor_seconds": building,
        "wall_seconds": float(result.attribute("wall_seconds", 0.0)),
        "call_seconds": time.perf_counter() - built,
        "processor_seconds": time.process_time() - before,
        "agent_seconds": agents,
        "empty_memory_mb": empty,
    }
