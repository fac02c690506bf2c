"""The loop of the decompositions: a master below, a search for worst vertices above.

    repeat  master → x, lower bound
            stabilised: move x halfway to the best point so far; once that stalls, to the point
            nearest to the best one at which the master is at most a level
            every centre: worst vertex (ξ, u) at x
            extend the master by what it misses there: cuts (`Benders`) or copies of the
            recourse (`ColumnConstraint`)
    until   upper - lower is within tolerance

Halfway points (in-out separation, Ben-Ameur and Neto 2007) need linear masters only. The level
method (Lemaréchal, Nemirovskii, Nesterov 1995) needs a quadratic one, but keeps masters from
jumping between vertices of many equally priced stations. Neither has a parameter in the unit of
the problem.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ambigrid.algorithms.block import Evaluation
from ambigrid.algorithms.log import relative_gap
from ambigrid.algorithms.master import Master, MasterPoint, Proximal
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.vertex_search import Found
from ambigrid.engines import SolveStatus
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.status import Status

_POLISH = 1e-2
"""Relative gap below which masters' own vertices are tried every other iteration."""

_STALL = (6, 0.5)
"""Halfway points stall when the gap shrinks by less than this factor in so many iterations."""

PRECISION = 1e-6
"""Relative gap that solvers' tolerances may leave when nothing more can be learnt."""

_FAR = 1e6
"""Bound on columns while the cuts known so far do not bound the master."""


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
        Empty where no point was evaluated.
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
class Decomposition(ABC):
    """What the loops have in common.

    Parameters
    ----------
    gap : float
        Relative gap (upper - lower) / max(1, |upper|) at which to stop.
    iterations : int
        Largest number of passes.
    """

    gap: float = 1e-6
    iterations: int = 2000
    name: ClassVar[str]

    def __post_init__(self) -> None:
        where = type(self).__name__
        if not self.gap >= 0:
            raise InputError("the gap must not be negative", where=where, got=self.gap)
        if self.iterations < 1:
            raise InputError("there must be an iteration", where=where, got=self.iterations)

    @abstractmethod
    def extend(self, master: Master, point: MasterPoint, evaluations: Sequence[Evaluation]) -> int:
        """Add to the master what it misses at a point; return how many cuts or copies."""

    @property
    def stabilisation(self) -> float | None:
        """Position of the level between the bounds, or None without stabilisation."""
        return None

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
            Keeps all cuts and copies, also from earlier runs.
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
        method: Decomposition,
        master: Master,
        budget: Budget,
        map_blocks: Callable[..., object],
        extra_cost: Callable[[tuple[Vector, ...]], float],
    ) -> None:
        self.method, self.master, self.budget = method, master, budget
        self.map_blocks, self.extra_cost = map_blocks, extra_cost
        self.iterations, self.status = 0, Status.ERROR
        self.lower, self.upper = -np.inf, np.inf
        self.finished, self.use_level, self.separated = False, False, True
        self.gaps: list[float] = []
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
        """One master, one trial point, what the master misses there."""
        self.iterations += 1
        point = self.master.solve(time_limit=self.budget.remaining)
        if unbounded := point.status is SolveStatus.UNBOUNDED:
            point = self.master.solve_within(_FAR, self.budget.remaining)
        if point.status is not SolveStatus.OPTIMAL:
            self.point = self.point or point
            self._end(ENDINGS[point.status])
            return
        self.point, self.lower = point, max(self.lower, point.bound)
        if self._within_gap():
            self._verify()
        else:
            self._explore(unbounded)
        if not self.finished:
            self._check_limits()

    def _explore(self, unbounded: bool) -> None:
        assert self.point is not None
        trial = self.point if unbounded else self._trial()
        added = self._evaluate(trial)
        self.separated = added > 0
        self._watch_progress()
        self.master.retire(self.point)
        if added or trial is not self.point or self._within_gap():
            return
        if unbounded:
            self._end(Status.UNBOUNDED)
        else:
            self._verify()

    def _check_limits(self) -> None:
        if self.budget.expired:
            self._end(Status.TIME_LIMIT)
        elif self.iterations >= self.method.iterations:
            self._end(Status.ITERATION_LIMIT)

    def _trial(self) -> MasterPoint:
        assert self.point is not None
        position = self.method.stabilisation
        polishing = relative_gap(self.lower, self.upper) < _POLISH and self.iterations % 2
        if position is None or not self.master.is_linear or polishing:
            return self.point
        if self.best is None or not self.separated or not np.isfinite(self.upper - self.lower):
            return self.point
        if not self.use_level:
            return halfway(self.point, self.best.x)
        level = self.lower + position * (self.upper - self.lower)
        centres = [
            Proximal(index, np.arange(len(x)), x, 1.0) for index, x in enumerate(self.best.x)
        ]
        trial = self.master.project(centres, level, self.budget.remaining)
        return trial if trial.status is SolveStatus.OPTIMAL else self.point

    def _watch_progress(self) -> None:
        window, factor = _STALL
        self.gaps.append(relative_gap(self.lower, self.upper))
        if len(self.gaps) > window and self.gaps[-1] > factor * self.gaps[-1 - window]:
            self.use_level = True

    def _evaluate(self, trial: MasterPoint) -> int:
        """Evaluate at a trial point; extend the master where it is cut off."""
        trial = self.master.within_bounds(trial)
        evaluations = evaluate_blocks(self.master, trial, False, self.map_blocks)
        value = sum(item.total for item in evaluations) + self.extra_cost(trial.x)
        if self.best is None or value < self.upper:
            self.best, self.upper, self.evaluations = trial, value, evaluations
        assert self.point is not None
        return self.method.extend(self.master, trial if self.use_level else self.point, evaluations)

    def _verify(self) -> None:
        """Search thoroughly at the best point; go on where that finds a worse vertex."""
        assert self.best is not None
        evaluations = evaluate_blocks(self.master, self.best, True, self.map_blocks)
        value = sum(item.total for item in evaluations) + self.extra_cost(self.best.x)
        worse = value > self.upper + 1e-9 * (1.0 + abs(self.upper))
        self.upper, self.evaluations = value, evaluations
        if worse:
            self.method.extend(self.master, without_values(self.best), evaluations)
        if self._within_gap():
            self._end(Status.CONVERGED)
        elif not worse:
            precise = relative_gap(self.lower, self.upper) <= PRECISION
            self._end(Status.CONVERGED if precise else Status.ERROR)

    def _within_gap(self) -> bool:
        return relative_gap(self.lower, self.upper) <= self.method.gap

    def _end(self, status: Status) -> None:
        self.status, self.finished = status, True


def halfway(point: MasterPoint, best: tuple[Vector, ...]) -> MasterPoint:
    """Return a master's point moved halfway to the best one so far."""
    pairs = zip(point.x, best, strict=True)
    return replace(point, x=tuple((new + old) / 2 for new, old in pairs))


def without_values(point: MasterPoint, x: tuple[Vector, ...] | None = None) -> MasterPoint:
    """Return a point, or another x, that knows no θ: values slack there hide no violation."""
    unknown = tuple(np.full(len(theta), -np.inf) for theta in point.theta)
    return replace(point, x=x or point.x, theta=unknown)


ENDINGS = {
    SolveStatus.INFEASIBLE: Status.INFEASIBLE,
    SolveStatus.UNBOUNDED: Status.UNBOUNDED,
    SolveStatus.TIME_LIMIT: Status.TIME_LIMIT,
    SolveStatus.ERROR: Status.ERROR,
}
"""How a run ends where its master has no optimal solution."""


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


def underestimated(
    master: Master, index: int, point: MasterPoint, evaluation: Evaluation, tolerance: float
) -> Iterator[tuple[int, Found]]:
    """Vertices whose value a block's θ underestimates at a point, with their support points.

    What is found at one of several equal samples holds for all of them. Support points that are
    new are added to the block's risk and to the master.
    """
    theta, x = point.theta[index], point.x[index]
    seen: set[tuple[int, tuple[bytes, bytes]]] = set()
    for found in evaluation.found:
        for k in master.support_numbers(index, found.vertex.outcome):
            known = float(theta[k]) if k < len(theta) else -np.inf
            cut = found.recourse.cut
            violation = cut(x) if cut.feasibility else cut(x) - known
            large = tolerance * (1.0 + abs(known) if np.isfinite(known) else 1.0)
            if violation > large and (k, found.vertex.key) not in seen:
                seen.add((k, found.vertex.key))
                yield k, found
