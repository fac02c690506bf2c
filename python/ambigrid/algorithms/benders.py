"""Multi-cut Benders decomposition with a search for the worst vertex inside.

    repeat  master → x, lower bound
            stabilised: move x to the level set, as near as possible to the best point so far
            every centre: worst vertex (ξ, u) at x, value and cut of V
            add the cuts the master violates
    until   upper - lower is within tolerance

The level stabilisation (Lemaréchal, Nemirovskii, Nesterov 1995) has no parameter in the unit of
the problem and keeps masters from jumping between vertices of many equally priced stations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.block import Evaluation
from ambigrid.algorithms.log import relative_gap
from ambigrid.algorithms.master import Master, MasterPoint, Proximal
from ambigrid.algorithms.recourse import Cut
from ambigrid.algorithms.stopping import Budget
from ambigrid.engines import SolveStatus
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.status import Status

_POLISH = 1e-4
"""Relative gap below which masters' own vertices are tried every other iteration."""


@dataclass(frozen=True)
class Incumbent:
    """The best point of a loop and what is known of it.

    Attributes
    ----------
    status : Status
    lower, upper : float
        Bounds on the optimal value, in the unit of the objective; `upper` rests on searches and
        is certified only by a certificate.
    x, static : tuple of arrays, one per block
    evaluations : tuple of Evaluation, one per block
    point : MasterPoint
        The last linear master, whose duals are the prices.
    iterations : int
    """

    status: Status
    lower: float
    upper: float
    x: tuple[Vector, ...]
    static: tuple[Vector, ...]
    evaluations: tuple[Evaluation, ...]
    point: MasterPoint
    iterations: int

    @property
    def gap(self) -> float:
        """Relative gap."""
        return relative_gap(self.lower, self.upper)


@dataclass(frozen=True)
class Benders:
    """Options of the loop.

    Parameters
    ----------
    gap : float
        Relative gap (upper - lower) / max(1, |upper|) at which to stop.
    iterations : int
        Largest number of passes.
    level : float
        Position of the level between lower (0) and upper bound (1); None switches the
        stabilisation off, as integers in the first stage do.
    """

    gap: float = 1e-6
    iterations: int = 2000
    level: float | None = 0.4

    def __post_init__(self) -> None:
        if not self.gap >= 0:
            raise InputError("the gap must not be negative", where="Benders", got=self.gap)
        if self.level is not None and not 0 < self.level < 1:
            raise InputError("the level must lie between 0 and 1", where="Benders", got=self.level)

    def run(
        self,
        master: Master,
        budget: Budget | None = None,
        record: Callable[[Incumbent], None] | None = None,
        *,
        map_blocks: Callable[..., object] = map,
        extra_cost: Callable[[tuple[Vector, ...]], float] = lambda x: 0.0,
    ) -> Incumbent:
        """Run the loop on a master.

        Parameters
        ----------
        master : Master
            Keeps all cuts, also from earlier runs.
        budget : Budget, optional
        record : callable, optional
            Receives the incumbent after every iteration.
        map_blocks : callable
            ``map`` or an executor's: blocks are evaluated through it.
        extra_cost : callable
            Value at x of the linear terms set on the master.
        """
        state = _Loop(self, master, budget or Budget(), map_blocks, extra_cost)
        while not state.finished:
            state.step()
            if record is not None:
                record(state.incumbent)
        return state.incumbent


class _Loop:
    """Bounds and best point between iterations."""

    def __init__(
        self,
        options: Benders,
        master: Master,
        budget: Budget,
        map_blocks: Callable[..., object],
        extra_cost: Callable[[tuple[Vector, ...]], float],
    ) -> None:
        self.options, self.master, self.budget = options, master, budget
        self.map_blocks, self.extra_cost = map_blocks, extra_cost
        self.iterations, self.status = 0, Status.ERROR
        self.lower, self.upper = -np.inf, np.inf
        self.finished = False
        self.best: MasterPoint | None = None
        self.evaluations: tuple[Evaluation, ...] = ()
        self.point: MasterPoint | None = None

    @property
    def incumbent(self) -> Incumbent:
        """What is known now."""
        assert self.point is not None
        best = self.best or self.point
        return Incumbent(
            self.status, self.lower, self.upper, best.x, best.static, self.evaluations,
            self.point, self.iterations,
        )  # fmt: skip

    def step(self) -> None:
        """One master, one trial point, its cuts."""
        self.iterations += 1
        self.point = self.master.solve(time_limit=self.budget.remaining)
        if self.point.status is not SolveStatus.OPTIMAL:
            self._end(_ENDINGS[self.point.status])
            return
        self.lower = max(self.lower, self.point.bound)
        if self._within_gap():
            self._verify()
            return
        trial = self._trial()
        added = self._evaluate(trial)
        self.master.retire(self.point)
        if not added and trial is self.point and not self._within_gap():
            self._verify()
        elif self.budget.expired:
            self._end(Status.TIME_LIMIT)
        elif self.iterations >= self.options.iterations:
            self._end(Status.ITERATION_LIMIT)

    def _trial(self) -> MasterPoint:
        assert self.point is not None
        stabilised = self.options.level is not None and not self.master.has_integers
        polishing = relative_gap(self.lower, self.upper) < _POLISH and self.iterations % 2
        if not stabilised or self.best is None or polishing:
            return self.point
        level = self.lower + (self.options.level or 0.0) * (self.upper - self.lower)
        centres = [
            Proximal(index, np.arange(len(x)), x, 1.0) for index, x in enumerate(self.best.x)
        ]
        trial = self.master.project(centres, level, self.budget.remaining)
        return trial if trial.status is SolveStatus.OPTIMAL else self.point

    def _evaluate(self, trial: MasterPoint) -> int:
        trial = self.master.within_bounds(trial)
        evaluations = evaluate_blocks(self.master, trial, False, self.map_blocks)
        value = sum(item.total for item in evaluations) + self.extra_cost(trial.x)
        if self.best is None or value < self.upper:
            self.best, self.upper, self.evaluations = trial, value, evaluations
        return add_violated_cuts(self.master, trial, evaluations)

    def _verify(self) -> None:
        """Search thoroughly at the best point; go on where that finds a worse vertex."""
        assert self.best is not None
        evaluations = evaluate_blocks(self.master, self.best, True, self.map_blocks)
        value = sum(item.total for item in evaluations) + self.extra_cost(self.best.x)
        found = value > self.upper + 1e-9 * (1.0 + abs(self.upper))
        added = add_violated_cuts(self.master, self.best, evaluations)
        self.upper, self.evaluations = value, evaluations
        if not found or not added:
            self._end(Status.CONVERGED)

    def _within_gap(self) -> bool:
        return relative_gap(self.lower, self.upper) <= self.options.gap

    def _end(self, status: Status) -> None:
        self.status, self.finished = status, True


_ENDINGS = {
    SolveStatus.INFEASIBLE: Status.INFEASIBLE,
    SolveStatus.UNBOUNDED: Status.UNBOUNDED,
    SolveStatus.TIME_LIMIT: Status.TIME_LIMIT,
    SolveStatus.ERROR: Status.ERROR,
}


def evaluate_blocks(
    master: Master,
    point: MasterPoint,
    thorough: bool,
    map_blocks: Callable[..., object] = map,
) -> tuple[Evaluation, ...]:
    """Evaluate every block at a point."""

    def evaluate(index: int) -> Evaluation:
        block = master.blocks[index]
        return block.evaluate(point.x[index], point.static[index], thorough=thorough)

    return tuple(map_blocks(evaluate, range(len(master.blocks))))  # type: ignore[arg-type]


def model_risk(master: Master, point: MasterPoint, index: int) -> float:
    """Return the risk of a block as the master sees it."""
    risk = master.blocks[index].risk
    costs = np.array([risk.value_cost(k) for k in range(len(point.theta[index]))])
    return float(risk.static().cost @ point.static[index] + costs @ point.theta[index])


def add_violated_cuts(
    master: Master,
    point: MasterPoint,
    evaluations: Sequence[Evaluation],
    tolerance: float = 1e-9,
) -> int:
    """Add the cuts of evaluations at a point that its θ violates; return how many."""
    added = 0
    for index, evaluation in enumerate(evaluations):
        block, theta, x = master.blocks[index], point.theta[index], point.x[index]
        cuts: list[tuple[int, Cut]] = []
        for found in evaluation.found:
            k = block.support_index(found.vertex.outcome)
            if k is None:
                k = block.risk.add(found.vertex.outcome)
                master.add_support(index, k)
            known = float(theta[k]) if k < len(theta) else -np.inf
            cut = found.recourse.cut
            violation = cut(x) if cut.feasibility else cut(x) - known
            if violation > tolerance * (1.0 + abs(known) if np.isfinite(known) else 1.0):
                cuts.append((k, cut))
        master.add_cuts(index, cuts)
        added += len(cuts)
        unseen = np.full(len(block.risk.support) - len(theta), np.inf)
        added += master.recall(index, x, np.append(theta, unseen), tolerance)
    return added
