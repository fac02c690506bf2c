"""The inner maximisation over outcomes and calls: a fast search and its certificate.

V is convex in (δ, ξ), so its maximum over a box is at a vertex. The fast search alternates:
solve V at a vertex, read from its duals how V rises along every coordinate, move every
coordinate to the end that rises most. V is above its linearisation, so values never fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.recourse import RecourseProgram, RecourseValue, Vertex
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search


@dataclass(frozen=True)
class Found:
    """A vertex, V there with its cut, and V less the search's penalty."""

    vertex: Vertex
    recourse: RecourseValue
    value: float


class VertexSearch:
    """Fast search at one centre; remembers its best vertices from call to call."""

    def __init__(self, program: TwoStageProgram) -> None:
        self._program = program
        self._recourse = RecourseProgram(program)
        self._patterns: list[np.ndarray] = []

    @property
    def solves(self) -> int:
        """Linear programs solved so far."""
        return self._recourse.solves

    def evaluate(self, x: Vector, vertex: Vertex) -> RecourseValue:
        """V at one vertex."""
        return self._recourse.value(x, vertex)

    def best(self, x: Vector, searches: list[Search], *, thorough: bool) -> Found:
        """Largest value found over all alternatives; `thorough` tries more starts."""
        found = [
            self._climb(x, search, start)
            for search in searches
            for start in self._starts(search, thorough)
        ]
        winner = max(found, key=lambda item: item.value)
        self._remember(winner.vertex.pattern)
        return winner

    def _starts(self, search: Search, thorough: bool) -> list[Vertex]:
        size = self._program.adversarial.size
        patterns = list(self._patterns)
        if not size:
            patterns = [np.zeros(0, dtype=np.int8)]
        elif thorough or not patterns:
            half = np.where(np.arange(size) < size // 2, 1, -1)
            patterns += [np.ones(size), -np.ones(size), half, -half]
        patterns = [self._within_budget(np.asarray(p, dtype=np.int8)) for p in patterns]
        outcomes = [search.outcome]
        if thorough and len(search.columns):
            for option in (0, -1):
                outcome = search.outcome.copy()
                outcome[search.columns] = search.options[:, option]
                outcomes.append(outcome)
        return [Vertex(outcome, pattern) for pattern in patterns for outcome in outcomes]

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

    def _remember(self, pattern: np.ndarray, keep: int = 1) -> None:
        others = [p for p in self._patterns if not np.array_equal(p, pattern)]
        self._patterns = [pattern, *others][:keep]


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
