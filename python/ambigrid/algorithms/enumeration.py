"""All vertices of an inner maximisation, where they are few enough to be listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb, prod

import numpy as np

from ambigrid.algorithms.recourse import Vertex
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search


def call_patterns(size: int, budget: int | None) -> Iterator[np.ndarray]:
    """Yield the patterns u ∈ {-1, +1}ⁿ, or with a budget those with at most so many non-zeros."""
    if budget is None:
        for signs in product((-1, 1), repeat=size):
            yield np.array(signs, dtype=np.int8)
        return
    for count in range(min(budget, size) + 1):
        for where in combinations(range(size), count):
            for signs in product((-1, 1), repeat=count):
                pattern = np.zeros(size, dtype=np.int8)
                pattern[list(where)] = signs
                yield pattern


def outcomes(search: Search) -> Iterator[Vector]:
    """Yield the outcomes a search may choose."""
    choices = [np.unique(options) for options in search.options]
    size = len(search.columns)
    most = size if search.budget is None else min(search.budget, size)
    for where in [range(size)] if search.budget is None else combinations(range(size), most):
        for values in product(*(choices[j] for j in where)):
            outcome = search.outcome.copy()
            outcome[search.columns[list(where)]] = values
            yield outcome


def vertices(program: TwoStageProgram, searches: Sequence[Search]) -> list[Vertex]:
    """Every vertex of some searches, each once."""
    patterns = list(call_patterns(program.adversarial.size, program.budget))
    points = {outcome.tobytes(): outcome for search in searches for outcome in outcomes(search)}
    return [Vertex(outcome, pattern) for outcome in points.values() for pattern in patterns]


def count_vertices(program: TwoStageProgram, searches: Sequence[Search]) -> int:
    """Upper bound on the number of vertices, without listing them."""
    size, budget = program.adversarial.size, program.budget
    if budget is None:
        patterns = int(2**size)
    else:
        patterns = sum(comb(size, k) * int(2**k) for k in range(min(budget, size) + 1))
    return patterns * sum(_count_outcomes(search) for search in searches)


def _count_outcomes(search: Search) -> int:
    counts = [len(np.unique(options)) for options in search.options]
    if search.budget is None:
        return prod(counts)
    most, widest = min(search.budget, len(counts)), max(counts, default=1)
    return comb(len(counts), most) * int(widest**most)
