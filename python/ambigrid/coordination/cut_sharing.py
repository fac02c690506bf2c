"""A level bundle on the shared variables, fed with each agent's cost and slope.

    f_a(z) ≥ lower_a + g_a'(z - z_i)     at every point z_i tried, of every agent a
    f_a(z) ≥ bound_a - μ_a'z             at every price μ tried: bound_a = min f_a + μ_a'z
    lower bound: least sum of these minorants; upper bound: Σ_a upper_a(z_i)
    next point: nearest to the best one at which the minorants are at most a level
    next price: minus the slopes that hold that point at the level, so that Σ_a μ_a = 0

Prices tell of the cost functions far from the points, where an agent's own master knows more than
cuts at points do. It converges in fewer exchanges than ADMM but tells the coordinator every
agent's cost and its slope.

Minorants hold whenever they come, so that the bundle goes on without a late agent's, while upper
bounds need everybody's cost at one point (Iutzeler, Malick, de Oliveira, *Mathematical
Programming* 184, 2020): one such point at a time is put to all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ambigrid.algorithms.log import IterationRecord, relative_gap
from ambigrid.coordination.bundle import Bundle
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.method import (
    Agreement,
    Run,
    bounds_of,
    multipliers_of,
    refuse_integers,
    values_of,
)
from ambigrid.coordination.post import Reply
from ambigrid.coordination.problem import Team
from ambigrid.coordination.rounds import Round
from ambigrid.coordination.terms import Terms
from ambigrid.engines import SolveStatus
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.status import Status

_ROUNDING = 1e-6
"""Relative excess of a lower over an upper bound that means nothing."""


@dataclass(frozen=True)
class CutSharing:
    """Options of the level bundle.

    Parameters
    ----------
    level : float
        Position of the level between lower (0) and upper bound (1).
    iterations : int
        Largest number of exchanges.
    staleness : int
        Exchanges by which an operator's answers may be late before it is waited for; 0 waits for
        everybody in every exchange.
    """

    level: float = 0.3
    iterations: int = 300
    staleness: int = 0

    name: ClassVar[str] = "cut-sharing"

    def __post_init__(self) -> None:
        for value, what, legal in (
            (self.level, "level", 0 < self.level < 1),
            (self.iterations, "iterations", self.iterations >= 1),
            (self.staleness, "staleness", self.staleness >= 0),
        ):
            if not legal:
                raise InputError(
                    "value out of range",
                    where=f"CutSharing {what}",
                    got=value,
                    fix="give a level in (0, 1), at least one iteration and no negative staleness",
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

    def reopened(self, state: dict[str, Any], agreement: Agreement) -> dict[str, Any]:
        """Only what was agreed on is another; cuts stay."""
        scalars = state["scalars"].copy()
        scalars[:2] = agreement.lower, agreement.upper
        agreed = {"best": agreement.values, "prices": agreement.multipliers}
        return {**state, **agreed, "scalars": scalars}


class _Loop:
    """Cuts on the shared variables and bounds between iterations."""

    def __init__(self, options: CutSharing, team: Team, run: Run) -> None:
        self.options, self.team, self.context = options, team, run
        team.agree(Terms(run.gap, len(team.names), staleness=options.staleness))
        self.box = _box(team, run)
        self.bundle = Bundle(team.shared, self.box)
        self.values = np.clip(np.zeros(team.shared.size), *self.box)
        self.best = self.values
        self.lower, self.upper = -np.inf, np.inf
        self.asked = {name: np.zeros(len(part)) for name, part in team.shared.parts.items()}
        self.prices = np.zeros(team.shared.size)
        self.round: Round | None = None
        self.iteration, self.finished, self.status = 0, False, Status.ERROR
        self._restore(run.resumed)
        run.latest = self.agreement()
        if (self.box[0] > self.box[1]).any():
            self.status, self.finished = Status.INFEASIBLE, True
        elif self.iteration:
            self._stop()

    def step(self) -> None:
        """One exchange: costs at the present prices and point, then the next ones."""
        self.iteration += 1
        self._ask_bounds()
        self._ask_costs()
        self._advance()
        self.context.latest = self.agreement()
        if self.finished:
            return
        record = IterationRecord(
            self.iteration, self.lower, self.upper, seconds=self.context.seconds
        )
        self.context.end_iteration(record, self._state())
        self._stop()

    @property
    def crossed(self) -> bool:
        """Whether the best point's cost was searched too hastily: it lies below the lower bound.

        It is asked for again, now that its owners know more.
        """
        return self.upper < self.lower - _ROUNDING * max(1.0, abs(self.lower))

    @property
    def staleness(self) -> int:
        """Exchanges an agent may be late; without an upper bound there is no level to go on to."""
        return self.options.staleness if np.isfinite(self.upper) else 0

    def _ask_bounds(self) -> None:
        """Learn the least cost at the present prices of every agent at rest."""
        self._exchange(
            {name: Request("bound", multipliers=self.asked[name]) for name in self.team.idle}
        )

    def _ask_costs(self) -> None:
        """Learn costs at the present point: everybody's, unless late ones leave a round open."""
        names = self.team.idle
        if self.round is None:
            names = self.team.names
            self.round = Round(self.iteration, len(names), self.values, self.prices)
        bounds, parts = (self.lower, self.upper), self.team.shared.parts
        self._exchange(
            {
                name: Request("cost", shared_values=self.values[parts[name]], bounds=bounds)
                for name in names
            }
        )
        if self.round.whole:
            whole, self.round = self.round, None
            self._close(whole)

    def _close(self, whole: Round) -> None:
        """Keep the point of a round if it is the best, or the best asked for again."""
        upper = whole.bounds[1]
        again = self.crossed and np.array_equal(whole.values, self.best)
        if upper < self.upper or again:
            self.upper, self.best = upper, whole.values
            self.context.latest = self.agreement()
            self.team.keep(whole.answers, self.iteration, self.context.budget)
            self._learn(self.team.arrived())

    def _exchange(self, requests: dict[str, Request]) -> None:
        budget = self.context.budget
        self._learn(self.team.exchange(requests, self.iteration, budget, self.staleness))

    def _learn(self, replies: list[Reply]) -> None:
        """Add minorants, whatever prices and points they are of."""
        for reply in replies:
            if reply.request.question == "bound":
                least = bounds_of(reply.answer)[0]
                self.bundle.add_cost(reply.name, -multipliers_of(reply.request), least)
            else:
                self._learn_cost(reply.name, values_of(reply.request), reply.answer)
                if self.round is not None:
                    self.round.take(reply)

    def _learn_cost(self, name: str, own: Vector, answer: Answer) -> None:
        if answer.shared_values is not None:
            self.bundle.add_separation(name, own, answer.shared_values)
        elif answer.subgradient is not None:
            constant = bounds_of(answer)[0] - float(answer.subgradient @ own)
            self.bundle.add_cost(name, answer.subgradient, constant)

    def _advance(self) -> None:
        """Find the lower bound, the next point and the next prices."""
        if not np.isfinite(self.upper):
            self._approach()
            return
        lowest = self.bundle.lowest()
        if lowest.status is SolveStatus.OPTIMAL and lowest.objective > self.lower:
            self.lower = lowest.objective
            self.prices = -self.team.shared.owned(self.bundle.prices(lowest.row_duals))
        known = np.isfinite(self.lower)
        width = self.upper - self.lower if known else max(1.0, abs(self.upper))
        if self.crossed:
            self.values = self.best
        if not width > 0.0:
            return
        level = self.upper - (1.0 - self.options.level * known) * width
        point = self.bundle.level_point(self.best, level, width)
        if point is not None:
            self.values, self.asked = point.values, point.prices
        elif lowest.status is SolveStatus.OPTIMAL:
            self.values = np.clip(lowest.primal[: len(self.values)], *self.box)

    def _approach(self) -> None:
        """Go to the nearest point that nobody has refused."""
        nearest = self.bundle.nearest(self.values)
        if nearest is None:
            self.status, self.finished = Status.INFEASIBLE, True
        else:
            self.values = nearest

    def _stop(self) -> None:
        if not self.crossed and relative_gap(self.lower, self.upper) <= self.context.gap:
            self.status, self.finished = Status.CONVERGED, True
        elif self.context.budget.expired:
            self.status, self.finished = Status.TIME_LIMIT, True
        elif self.iteration >= self.options.iterations:
            self.status, self.finished = Status.ITERATION_LIMIT, True

    def agreement(self) -> Agreement:
        """Return what was agreed."""
        return Agreement(self.status, self.lower, self.upper, self.best, self.prices)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "values": self.values,
            "best": self.best,
            "prices": self.prices,
            "scalars": np.array([self.lower, self.upper, self.iteration]),
        }
        state |= {f"asked:{name}": prices for name, prices in self.asked.items()}
        return state | self.bundle.state()

    def _restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        self.bundle.restore(state)
        self.prices, self.values, self.best = state["prices"], state["values"], state["best"]
        self.asked = {name: state[f"asked:{name}"] for name in self.asked}
        self.lower, self.upper, iteration = map(float, state["scalars"])
        self.iteration = int(iteration)


def _box(team: Team, run: Run) -> tuple[Vector, Vector]:
    """Bounds of the shared variables that every agent accepts; each agent is asked for its own."""
    lower, upper = np.full(team.shared.size, -np.inf), np.full(team.shared.size, np.inf)
    answers = team.ask(dict.fromkeys(team.names, Request("range")), 0, run.budget)
    for name, answer in answers.items():
        part = team.shared.parts[name]
        least, most = np.split(values_of(answer), 2)
        lower[part], upper[part] = np.maximum(lower[part], least), np.minimum(upper[part], most)
    return lower, upper
