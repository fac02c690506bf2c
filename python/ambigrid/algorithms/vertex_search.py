"""The inner maximisation over outcomes and calls: a fast search and its certificate.

V is convex in (δ, ξ), so its maximum over a box is at a vertex. The fast search alternates:
solve V at a vertex, read from its duals how V rises along every coordinate, move every
coordinate to the end that rises most. V is above its linearisation, so values never fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.enumeration import count_vertices, vertices
from ambigrid.algorithms.recourse import RecourseProgram, RecourseValue, Vertex
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search

_FEW = 256
"""Vertices of one centre up to which a thorough search lists them all."""


@dataclass(frozen=True)
class Found:
    """A vertex, V there with its cut, and V less the search's penalty."""

    vertex: Vertex
    recourse: RecourseValue
    value: float


class VertexSearch:
    """Fast search at one centre.

    A glance climbs from the best pattern of the last call. A quick search climbs also from one of a
    few others, another one every time; a thorough search climbs from all of them.
    """

    def __init__(self, program: TwoStageProgram, recourse: RecourseProgram) -> None:
        self._program, self._recourse = program, recourse
        self._memory = np.zeros(program.adversarial.size, dtype=np.int8)
        self._others = [self._within_budget(p) for p in _patterns(program.adversarial.size)]
        self._turn = 0

    @property
    def solves(self) -> int:
        """Linear programs solved so far."""
        return self._recourse.solves

    @property
    def memory(self) -> np.ndarray:
        """Best pattern of the last search; zeros before the first."""
        return self._memory

    @memory.setter
    def memory(self, pattern: np.ndarray) -> None:
        self._memory = np.asarray(pattern, dtype=np.int8)

    def evaluate(self, x: Vector, vertex: Vertex) -> RecourseValue:
        """V at one vertex."""
        return self._recourse.value(x, vertex)

    def best(self, x: Vector, searches: list[Search], *, thorough: bool) -> Found:
        """Largest value found over alternatives; `thorough` tries more starts, or all vertices."""
        if thorough and self.lists_all(searches):
            return self.exhaustive(x, searches)
        found = [
            self._climb(x, search, start)
            for search in searches
            for start in self._starts(x, search, thorough)
        ]
        return self._best_of(found)

    def glance(self, x: Vector, searches: list[Search]) -> Found:
        """Climb from the best pattern of the last call only; as `best` where there is none."""
        if not self._memory.any():
            return self.best(x, searches, thorough=False)
        starts = [Vertex(search.outcome, self._memory) for search in searches]
        pairs = zip(searches, starts, strict=True)
        return self._best_of([self._climb(x, search, start) for search, start in pairs])

    def lists_all(self, searches: list[Search]) -> bool:
        """Whether a thorough search tries every vertex, so that its value is the maximum."""
        return count_vertices(self._program, searches) <= _FEW

    def exhaustive(self, x: Vector, searches: list[Search]) -> Found:
        """Largest value over every vertex."""
        known: dict[tuple[bytes, bytes], RecourseValue] = {}
        found = []
        for search in searches:
            for vertex in vertices(self._program, [search]):
                if vertex.key not in known:
                    known[vertex.key] = self._recourse.value(x, vertex)
                recourse = known[vertex.key]
                found.append(Found(vertex, recourse, recourse.value - penalty(search, vertex)))
        return self._best_of(found)

    def _best_of(self, found: list[Found]) -> Found:
        winner = max(found, key=lambda item: item.value)
        self._memory = winner.vertex.pattern
        return winner

    def _starts(self, x: Vector, search: Search, thorough: bool) -> list[Vertex]:
        known = [self._memory] if self._memory.any() else []
        patterns = known + self._others
        if not self._can_call(x):
            patterns = [*known, *self._others][:1]
        elif known and not thorough:
            self._turn = (self._turn + 1) % len(self._others)
            patterns = [*known, self._others[self._turn]]
        outcomes = [search.outcome]
        if thorough and len(search.columns):
            slope = np.ones(len(search.columns))
            outcomes += [_best_outcome(search, slope), _best_outcome(search, -slope)]
        return [Vertex(outcome, pattern) for pattern in patterns for outcome in outcomes]

    def _can_call(self, x: Vector) -> bool:
        """Whether any coordinate of the call has room to move at x."""
        return bool((self._program.call_upper(x) > self._program.call_lower(x) + 1e-9).any())

    def _climb(self, x: Vector, search: Search, start: Vertex) -> Found:
        best = self._found(x, search, start)
        while True:
            vertex = self._ascend(x, search, best)
            if vertex.key == best.vertex.key:
                return best
            following = self._found(x, search, vertex)
            if not following.value > best.value + 1e-9 * (1.0 + abs(best.value)):
                return best
            best = following

    def _found(self, x: Vector, search: Search, vertex: Vertex) -> Found:
        recourse = self._recourse.value(x, vertex)
        return Found(vertex, recourse, recourse.value - penalty(search, vertex))

    def _ascend(self, x: Vector, search: Search, at: Found) -> Vertex:
        program, duals = self._program, at.recourse.duals
        pattern = at.vertex.pattern
        if program.adversarial.size:
            slope = -(program.D.T @ duals)
            pattern = self._best_pattern(x, slope, pattern)
        outcome = at.vertex.outcome
        if len(search.columns):
            slope = -(program.H.T @ duals)[search.columns]
            outcome = _best_outcome(search, slope)
        return Vertex(outcome, pattern)

    def _best_pattern(self, x: Vector, slope: Vector, current: np.ndarray) -> np.ndarray:
        upper, lower = self._program.call_upper(x), self._program.call_lower(x)
        prefers_up = np.where(upper > lower, slope * (upper - lower) > 0, slope > 0)
        indifferent = np.abs(slope) <= 1e-12
        pattern = np.where(prefers_up, 1, -1)
        pattern = np.where(indifferent & (current != 0), current, pattern)
        if self._program.budget is None:
            return pattern.astype(np.int8)
        gain = slope * np.where(pattern > 0, upper, lower)
        kept = np.argsort(-gain, kind="stable")[: self._program.budget]
        limited = np.zeros_like(pattern)
        limited[kept] = np.where(gain[kept] > 0, pattern[kept], 0)
        return limited.astype(np.int8)

    def _within_budget(self, pattern: np.ndarray) -> np.ndarray:
        if self._program.budget is None:
            return pattern
        limited = np.zeros_like(pattern)
        limited[: self._program.budget] = pattern[: self._program.budget]
        return limited


def penalty(search: Search, vertex: Vertex) -> float:
    """Return what the search subtracts at a vertex."""
    total = search.offset
    if len(search.columns) and search.penalties.any():
        distance = np.abs(search.options - vertex.outcome[search.columns][:, None])
        chosen = np.argmin(distance, axis=1)
        total += float(search.penalties[np.arange(len(chosen)), chosen].sum())
    return total


def _best_outcome(search: Search, slope: Vector) -> Vector:
    gain = slope[:, None] * search.options - search.penalties
    chosen = np.argmax(gain, axis=1)
    outcome = search.outcome.copy()
    moved = search.columns
    if search.budget is not None:
        stay = slope * search.outcome[search.columns]
        advantage = gain.max(axis=1) - stay
        kept = np.argsort(-advantage, kind="stable")[: search.budget]
        kept = kept[advantage[kept] > 0]
        outcome[moved[kept]] = search.options[kept, chosen[kept]]
        return outcome
    outcome[moved] = search.options[np.arange(len(chosen)), chosen]
    return outcome


def _patterns(size: int) -> list[np.ndarray]:
    """Patterns to start from: one sign all along, and one change of sign after each third."""
    if not size:
        return [np.zeros(0, dtype=np.int8)]
    ones, place = np.ones(size, dtype=np.int8), np.arange(size)
    changing = [np.where(place < size * part // 3, ones, -ones) for part in (1, 2)]
    return [ones, -ones, *changing, *(-pattern for pattern in changing)]
