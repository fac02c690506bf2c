"""One operator's problem in RSOME: event-wise recourse over the samples, solved by its LP solver.

A scenario of the model is a sample; the recourse adapts to it. The law p over samples lies within
the Wasserstein ball: p = Σ_i π_i for a transport plan π from the weights with Σ_ik d_ik π_ik ≤ r
(auxiliary variables of the set of probabilities), so the value is exact.
Chen, Sim and Xiong, Management Science 66 (2020) 3329-3339.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import scipy.sparse as sp
from rsome import E, dro, lpg_solver

from ambigrid.ambiguity import Wasserstein
from ambigrid.coordination import Agent
from ambigrid.program import Columns, Rows
from benchmarks.problems import Problem


def solve_rsome(*, time_limit: float, **problem: Any) -> dict[str, Any]:
    """Build and solve the operator's problem; for a fresh process, which keeps the time limit.

    Parameters
    ----------
    time_limit : float
        Not for the solver, which RSOME gives none.
    **problem
        As `Problem`, of the kind "operator".
    """
    study = Problem(**problem).study()
    agent = study.agents()[study.transmission]
    started = time.perf_counter()
    model = build(agent)
    formula = model.do_math()
    built = time.perf_counter()
    model.solve(lpg_solver, display=False)
    rows, columns = formula.linear.shape
    return {
        "build_seconds": built - started,
        "solve_seconds": time.perf_counter() - built,
        "status": "optimal" if model.solution is not None else "failed",
        "objective": float(model.get()) + agent.constant,
        "note": f"{columns:,} columns, {rows:,} rows",
    }


def build(agent: Agent) -> Any:
    """Return the RSOME model of one operator without calls."""
    program = agent.program
    ball = agent.ambiguity.checked(program.uncertain)
    assert isinstance(ball, Wasserstein)
    count, size = ball.samples.shape
    model = dro.Model(count)
    outcome, law = model.rvar(size), _law(model, ball)
    for k in range(count):
        law[k].suppset(outcome == ball.samples[k])
    now, later = model.dvar(program.first_stage.size), model.dvar(program.recourse.size)
    for k in range(count):
        later.adapt(k)
    cost = program.first_stage.cost @ now + E(program.recourse.cost @ later)
    model.minsup(cost, law)
    model.st(*_rows([(program.A, now)], program.first_rows, np.arange(program.first_rows.size)))
    uncertain = np.diff(program.H.indptr) > 0
    parts = [(program.T, now), (program.W, later)]
    model.st(*_rows(parts, program.second_rows, np.flatnonzero(~uncertain)))
    parts.append((program.H, outcome))
    model.st(*_rows(parts, program.second_rows, np.flatnonzero(uncertain)))
    model.st(*_bounds(now, program.first_stage), *_bounds(later, program.recourse))
    return model


def _law(model: Any, ball: Wasserstein) -> Any:
    """Return the laws over the samples within the ball."""
    weights, distances = np.asarray(ball.weights), np.asarray(ball.distances)
    plan = model.pro_model.dvar(distances.shape)
    law = model.ambiguity()
    law.probset(
        plan >= 0,
        plan.sum(axis=1) == weights,
        plan.sum(axis=0) == model.p,
        (distances * plan).sum() <= float(ball.radius),  # type: ignore[arg-type]
    )
    return law


def _rows(parts: list[tuple[sp.csr_array, Any]], side: Rows, chosen: np.ndarray) -> list[Any]:
    """Rows by their sense; those of one sense in one block."""
    found = []
    for sense in np.unique(side.sense[chosen]):
        at = chosen[side.sense[chosen] == sense]
        activity = sum(_times(matrix[at], variable) for matrix, variable in parts)
        right = side.rhs[at]
        if sense == "=":
            found.append(activity == right)
        else:
            found.append(activity <= right if sense == "<" else activity >= right)
    return found


def _times(matrix: sp.csr_array, variable: Any) -> Any:
    return sp.csr_matrix(matrix) @ variable


def _bounds(variable: Any, columns: Columns) -> list[Any]:
    limits: list[Any] = []
    for bound, is_lower in ((columns.lower, True), (columns.upper, False)):
        at = np.flatnonzero(np.isfinite(bound))
        if len(at):
            chosen = variable[at]
            limits.append(chosen >= bound[at] if is_lower else chosen <= bound[at])
    return limits
