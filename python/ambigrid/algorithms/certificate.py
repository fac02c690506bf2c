"""The certificate: a proved upper bound on the risk at a point, centre by centre.

    upper values of all centres: exact by enumeration, else a linear relaxation
    while first-stage cost + risk(upper values) > target + tolerance:
        solve the mixed-integer program of the centre whose slack, times its probability under
        the worst law of the upper values, is largest

A relaxation is seldom sharp, so nearly every centre that can carry the worst law is solved; with
a good vertex to start from, most of the work of a branch-and-bound method falls away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.block import Block, Evaluation
from ambigrid.algorithms.inner_maximum import InnerMaximum, UpperBound
from ambigrid.algorithms.recourse import Vertex
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.vertex_search import Found, VertexSearch, penalty
from ambigrid.labels import Vector
from ambigrid.reformulations import Search

_PRECISION = 1e-7
"""Relative gap below which an inner maximum is never asked for."""


@dataclass(frozen=True)
class Certificate:
    """A proved upper bound at a point.

    Attributes
    ----------
    upper : float
        First-stage cost plus the risk of the upper values, in the unit of the objective.
    values : array (centres,)
        Upper bound on the inner maximum of every centre.
    found : tuple of Found, one per centre
        The worst vertices known; their values are at most `values`.
    worse : tuple of Found
        Those that the evaluation had missed: their cuts improve a master.
    solved : int
        Mixed-integer programs solved.
    seconds : float
    within : bool
        Whether `upper` is at most target + tolerance.
    """

    upper: float
    values: Vector
    found: tuple[Found, ...]
    worse: tuple[Found, ...]
    solved: int
    seconds: float
    within: bool


def certify(
    block: Block,
    x: Vector,
    static: Vector,
    evaluation: Evaluation,
    *,
    target: float,
    tolerance: float,
    budget: Budget | None = None,
    inner: InnerMaximum | None = None,
) -> Certificate:
    """Prove an upper bound on a block's first-stage cost plus risk at x.

    Parameters
    ----------
    block : Block
    x : array (n_x,)
        First stage.
    static : array
        The master's static columns at x.
    evaluation : Evaluation
        Of all centres at x.
    target : float
        Lower bound on the block's optimal total, in the unit of the objective.
    tolerance : float
        Stop once the proved total is at most ``target + tolerance``.
    budget : Budget, optional
    inner : InnerMaximum, optional
        Kept from an earlier certificate of the same program.

    Raises
    ------
    InputError
        If a row with a moving coordinate has no finite dual bound, or recourse is integer.
    """
    started = time.monotonic()
    state = _Certifier(block, x, static, evaluation, inner)
    goal, budget = target + tolerance, budget or Budget()
    state.bound_all(budget)
    while state.upper > goal and not budget.expired:
        gap = state.gap(goal, tolerance)
        centre = state.next_centre(gap)
        if centre is None:
            break
        state.solve(centre, gap, budget)
    return Certificate(
        state.upper, state.values, tuple(state.found), tuple(state.worse), state.solved,
        time.monotonic() - started, state.upper <= goal,
    )  # fmt: skip


class _Certifier:
    """Upper values and best vertices of all centres."""

    def __init__(
        self,
        block: Block,
        x: Vector,
        static: Vector,
        evaluation: Evaluation,
        inner: InnerMaximum | None,
    ) -> None:
        self.block, self.x, self.static = block, x, static
        self._inner = inner
        self._first_stage_cost = evaluation.first_stage_cost
        self.found = list(evaluation.found)
        self.worse: list[Found] = []
        self.groups = block.risk.searches(static)
        self.values = np.full(len(self.groups), np.inf)
        self.gaps = np.full(len(self.groups), np.inf)
        self.solved = 0
        self._patterns: list[np.ndarray] = []

    @property
    def inner(self) -> InnerMaximum:
        """Built when first needed."""
        if self._inner is None:
            self._inner = InnerMaximum(self.block.program)
        return self._inner

    @property
    def upper(self) -> float:
        """First-stage cost plus the risk of the upper values."""
        if not np.isfinite(self.values).all():
            return np.inf
        return self._first_stage_cost + self.block.risk.risk(self.values, self.static)

    def bound_all(self, budget: Budget) -> None:
        """Exact values where all vertices are few enough to be listed, else relaxations."""
        for k, (search, group) in enumerate(zip(self.block.searches, self.groups, strict=True)):
            if search.lists_all(group):
                self._learn(k, search.exhaustive(self.x, group))
                self.values[k], self.gaps[k] = self.found[k].value, 0.0
            elif not budget.expired:
                self.values[k] = max(self.inner.relaxation(self.x, one) for one in group)

    def next_centre(self, gap: float) -> int | None:
        """Centre known worse than to `gap`, of largest slack times probability, if any."""
        lower = self._lower_values()
        if np.isinf(lower).any():
            return None
        slack = np.where(self.gaps > 2 * gap, self.values - lower, 0.0)
        if np.isfinite(self.values).all():
            law = self.block.risk.reference
            if not self.block.risk.grows:
                law = self.block.risk.worst_case(self.values)[1]
            slack = slack * law
        centre = int(np.argmax(slack))
        return centre if slack[centre] > 0.0 else None

    def gap(self, goal: float, tolerance: float) -> float:
        """Absolute gap to ask of a program: at most half of the room that is left, if any."""
        lower = self._first_stage_cost + self.block.risk.risk(self._lower_values(), self.static)
        room = goal - lower if goal > lower else np.inf
        return max(min(room / 2, tolerance / 4), _PRECISION * (1.0 + abs(lower)))

    def solve(self, centre: int, gap: float, budget: Budget) -> None:
        """Solve the programs of a centre's alternatives."""
        self.gaps[centre] = gap
        search, group = self.block.searches[centre], self.groups[centre]
        self._learn(centre, self._best_known(centre))

        def solve(one: Search) -> UpperBound:
            self.solved += 1
            start, limit = self.found[centre].vertex, budget.remaining
            return self.inner.solve(self.x, one, start, gap=gap, time_limit=limit)

        bounds = np.full(len(group), self.values[centre])
        pending = list(range(len(group)))
        while not budget.expired:
            pending = [i for i in pending if bounds[i] > self.found[centre].value + gap]
            if not pending:
                break
            first = len(pending) == len(group)
            i = pending.pop(-1 if first else len(pending) // 2)
            result = solve(group[i])
            bounds[i] = min(bounds[i], result.value)
            for j in pending:
                if _contains(group[i], group[j]):
                    at_most = result.value + group[i].offset - group[j].offset
                    bounds[j] = min(bounds[j], at_most)
            if result.vertex is not None:
                self._learn(centre, _found(search, self.x, group[i], result.vertex))
        self.values[centre] = max(float(bounds.max()), self.found[centre].value)

    def _lower_values(self) -> Vector:
        return np.array([item.value for item in self.found])

    def _best_known(self, centre: int) -> Found:
        """Best of the vertices found here and of the patterns found at other centres."""
        search, best = self.block.searches[centre], self.found[centre]
        group = self.groups[centre]
        if len(group) > 1:
            return best
        tried = [
            _found(search, self.x, group[0], Vertex(best.vertex.outcome, pattern))
            for pattern in self._patterns
        ]
        return max([best, *tried], key=lambda item: item.value)

    def _learn(self, centre: int, found: Found) -> None:
        known = self.found[centre].value
        if found.value > known + 1e-9 * (1.0 + abs(known)):
            self.found[centre] = found
            self.worse.append(found)
            pattern = found.vertex.pattern
            if not any(np.array_equal(pattern, other) for other in self._patterns):
                self._patterns.append(pattern)


def _found(search: VertexSearch, x: Vector, one: Search, vertex: Vertex) -> Found:
    recourse = search.evaluate(x, vertex)
    return Found(vertex, recourse, recourse.value - penalty(one, vertex))


def _contains(outer: Search, inner: Search) -> bool:
    """Whether the outcomes of one search lie among those of another, apart from the offset."""
    if outer.penalties.any() or inner.penalties.any():
        return False
    if outer.budget is not None or inner.budget is not None:
        return False
    (low, high), (lowest, highest) = _range(inner), _range(outer)
    return bool((low >= lowest).all() and (high <= highest).all())


def _range(search: Search) -> Sequence[Vector]:
    ends = []
    for extreme in (np.min, np.max):
        end = search.outcome.copy()
        if len(search.columns):
            end[search.columns] = extreme(search.options, axis=1)
        ends.append(end)
    return ends
