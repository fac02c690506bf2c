"""A level-bundle master on the shared variables, fed with each agent's cost and subgradient.

    f_a(z) ≥ lower_a(z_i) + g_a'(z - z_i)       every agent a, every point z_i tried
    lower bound: min Σ_a of those minorants; upper bound: Σ_a upper_a(z_i)
    next point:  nearest to the best one at which the minorants are at most a level

It converges faster than ADMM but tells the coordinator every agent's cost and its slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.log import IterationRecord, relative_gap
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.method import (
    Agreement,
    Run,
    bounds_of,
    refuse_integers,
    values_of,
)
from ambigrid.coordination.problem import Team
from ambigrid.coordination.terms import Terms
from ambigrid.engines import LinearProgram, SolveStatus, solve_linear, solve_quadratic
from ambigrid.errors import InputError, SolverError
from ambigrid.labels import Vector
from ambigrid.status import Status


@dataclass(frozen=True)
class CutSharing:
    """Options of the level bundle.

    Parameters
    ----------
    level : float
        Position of the level between lower (0) and upper bound (1).
    iterations : int
        Largest number of exchanges.
    """

    level: float = 0.3
    iterations: int = 300

    name: ClassVar[str] = "cut-sharing"

    def __post_init__(self) -> None:
        for value, what, legal in (
            (self.level, "level", 0 < self.level < 1),
            (self.iterations, "iterations", self.iterations >= 1),
        ):
            if not legal:
                raise InputError(
                    "value out of range",
                    where=f"CutSharing {what}",
                    got=value,
                    fix="give a level in (0, 1) and at least one iteration",
                )

    def run(self, team: Team, run: Run) -> Agreement:
        """Coordinate the team until the gap is within tolerance.

        Raises
        ------
        InputError
            If an agent has integers in its first stage: its cost is not convex then.
        SolverError
            If an agent's program has no solution.
        """
        refuse_integers(team, "cut sharing")
        loop = _Loop(self, team, run)
        while not loop.finished:
            loop.step()
        return loop.agreement()

    def reopened(self, state: dict[str, Any], upper: float) -> dict[str, Any]:
        """Only the upper bound is another; bounds below, cuts and prices stay."""
        scalars = state["scalars"].copy()
        scalars[1] = upper
        return {**state, "scalars": scalars}


class _Loop:
    """Cuts on the shared variables and bounds between iterations."""

    def __init__(self, options: CutSharing, team: Team, run: Run) -> None:
        self.options, self.team, self.context = options, team, run
        size = team.shared.size
        team.agree(Terms(run.gap, len(team.agents)))
        self.box = _box(team, run)
        self.values = np.clip(np.zeros(size), *self.box)
        self.best = self.values
        self.lower, self.upper = -np.inf, np.inf
        self.prices = np.zeros(size)
        self.iteration, self.finished, self.status = 0, False, Status.ERROR
        count = len(team.agents)
        self.rows, self.sides = np.zeros((0, size + count)), np.zeros(0)
        self._restore(run.resumed)
        run.latest = self.agreement()
        if (self.box[0] > self.box[1]).any():
            self.status, self.finished = Status.INFEASIBLE, True
        elif self.iteration:
            self._stop()

    def step(self) -> None:
        """One exchange: costs at the present point, then the next point."""
        self.iteration += 1
        self._learn(self._ask())
        self._next_point()
        self.context.latest = self.agreement()
        if self.finished:
            return
        record = IterationRecord(
            self.iteration, self.lower, self.upper, seconds=self.context.seconds
        )
        self.context.end_iteration(record, self._state())
        self._stop()

    def _ask(self) -> dict[str, Answer]:
        bounds = (self.lower, self.upper)
        requests = {
            name: Request("cost", shared_values=self.values[part], bounds=bounds)
            for name, part in self.team.shared.parts.items()
        }
        return self.team.ask(requests, self.iteration, self.context.budget)

    def _learn(self, answers: dict[str, Answer]) -> None:
        for index, (name, answer) in enumerate(answers.items()):
            part = self.team.shared.parts[name]
            row = np.zeros(self.rows.shape[1])
            own, lower = self.values[part], bounds_of(answer)[0]
            if answer.shared_values is not None:
                row[part], side = _separation(own, answer.shared_values)
            elif answer.subgradient is not None and np.isfinite(lower):
                row[part], row[self.team.shared.size + index] = answer.subgradient, -1.0
                side = float(answer.subgradient @ own - lower)
            else:
                continue
            self.rows, self.sides = np.vstack([self.rows, row]), np.append(self.sides, side)
        upper = sum(bounds_of(answer)[1] for answer in answers.values())
        if upper < self.upper:
            self.team.keep(self.iteration, self.context.budget)
            slopes = {name: _given(answer.subgradient) for name, answer in answers.items()}
            self.upper, self.best = upper, self.values
            self.prices = self.team.shared.owned(slopes)
            self.context.latest = self.agreement()

    def _next_point(self) -> None:
        model = self._model()
        lowest = solve_linear(model)
        if lowest.status is SolveStatus.INFEASIBLE:
            self.status, self.finished = Status.INFEASIBLE, True
            return
        if lowest.status is not SolveStatus.OPTIMAL:
            raise SolverError(f"The master of the cuts ended with status {lowest.status.value}.")
        if (lowest.primal[self.team.shared.size :] > -_FLOOR / 2).all():
            self.lower = max(self.lower, lowest.objective)
        self.values = lowest.primal[: self.team.shared.size]
        if np.isfinite(self.upper - self.lower):
            self.values = self._level_point(model)
        self.values = np.clip(self.values, *self.box)

    def _level_point(self, model: LinearProgram) -> Vector:
        size = self.team.shared.size
        level = self.lower + self.options.level * (self.upper - self.lower)
        below = LinearProgram(
            np.zeros(len(model.cost)), model.lower, model.upper,
            sp.csr_array(sp.vstack([model.matrix, model.cost.reshape(1, -1)])),
            np.append(model.row_lower, -np.inf), np.append(model.row_upper, level),
        )  # fmt: skip
        weights = np.concatenate([np.ones(size), np.zeros(len(model.cost) - size)])
        near = np.concatenate([self.best, np.zeros(len(model.cost) - size)])
        shifted = LinearProgram(
            -weights * near, below.lower, below.upper, below.matrix, below.row_lower,
            below.row_upper,
        )  # fmt: skip
        hessian = sp.csr_array(sp.diags_array(weights))
        point = solve_quadratic(shifted, hessian, near=near)
        return point.primal[:size] if point.status is SolveStatus.OPTIMAL else self.values

    def _model(self) -> LinearProgram:
        size, count = self.team.shared.size, len(self.team.agents)
        floor = np.full(count, -_FLOOR)
        return LinearProgram(
            np.concatenate([np.zeros(size), np.ones(count)]),
            np.concatenate([self.box[0], floor]),
            np.concatenate([self.box[1], np.full(count, np.inf)]),
            sp.csr_array(self.rows),
            np.full(len(self.sides), -np.inf),
            self.sides,
        )

    def _stop(self) -> None:
        if relative_gap(self.lower, self.upper) <= self.context.gap:
            self.status, self.finished = Status.CONVERGED, True
        elif self.context.budget.expired:
            self.status, self.finished = Status.TIME_LIMIT, True
        elif self.iteration >= self.options.iterations:
            self.status, self.finished = Status.ITERATION_LIMIT, True

    def agreement(self) -> Agreement:
        """Return what was agreed."""
        return Agreement(self.status, self.lower, self.upper, self.best, self.prices)

    def _state(self) -> dict[str, Any]:
        return {
            "rows": self.rows, "sides": self.sides, "values": self.values, "best": self.best,
            "prices": self.prices,
            "scalars": np.array([self.lower, self.upper, self.iteration]),
        }  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        self.rows, self.sides, self.prices = state["rows"], state["sides"], state["prices"]
        self.values, self.best = state["values"], state["best"]
        self.lower, self.upper = (float(value) for value in state["scalars"][:2])
        self.iteration = int(state["scalars"][2])


_FLOOR = 1e12
"""Lower bound on an agent's cost while nothing is known of it, $."""


def _box(team: Team, run: Run) -> tuple[Vector, Vector]:
    """Bounds of the shared variables that every agent accepts; each agent is asked for its own."""
    lower, upper = np.full(team.shared.size, -np.inf), np.full(team.shared.size, np.inf)
    answers = team.ask(dict.fromkeys(team.agents, Request("range")), 0, run.budget)
    for name, answer in answers.items():
        part = team.shared.parts[name]
        least, most = np.split(values_of(answer), 2)
        lower[part], upper[part] = np.maximum(lower[part], least), np.minimum(upper[part], most)
    return lower, upper


def _separation(values: Vector, nearest: Vector) -> tuple[Vector, float]:
    """Half-space (z - nearest)'(z' - nearest) ≤ 0 that holds the feasible z' and not z."""
    away = values - nearest
    away = away / max(float(np.linalg.norm(away)), 1e-12)
    return away, float(away @ nearest)


def _given(array: Vector | None) -> Vector:
    assert array is not None
    return array
