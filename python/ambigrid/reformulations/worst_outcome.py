"""`Box`: the largest value over a box, found vertex by vertex."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ambigrid.ambiguity import Box
from ambigrid.labels import Vector
from ambigrid.reformulations.base import Link, Reformulation, Search, StaticColumns


class WorstOutcome(Reformulation):
    """min t subject to t ≥ θ_k; V is convex in ξ, so the box's vertices suffice.

    With a budget Γ the vertices of the set have at most Γ coordinates at an end of the box
    and the others at the nominal outcome.
    """

    grows = True

    def __init__(self, ambiguity: Box) -> None:
        self._box = ambiguity
        self.support, self.reference = [ambiguity.nominal], np.ones(1)

    def static(self) -> StaticColumns:
        """Return t."""
        return StaticColumns(np.ones(1), np.full(1, -np.inf), np.full(1, np.inf))

    def value_cost(self, k: int) -> float:
        """θ_k costs nothing; t does."""
        return 0.0

    def link(self, k: int) -> Link:
        """Return t - θ_k ≥ 0."""
        return Link(sp.csr_array(np.ones((1, 1))), -np.ones(1), np.zeros(1))

    def searches(self, static: Vector) -> list[list[Search]]:
        """One search over the vertices of the box."""
        box = self._box
        free = np.flatnonzero(box.upper > box.lower)
        ends = [box.lower[free], box.upper[free]]
        if box.budget is not None:
            ends.insert(0, box.nominal[free])
        options = np.stack(ends, axis=1)
        return [[Search(box.nominal, free, options, np.zeros_like(options), box.budget)]]

    def risk(self, values: Vector, static: Vector) -> float:
        """Return the largest value."""
        return float(values.max())

    def worst_case(self, values: Vector) -> tuple[float, Vector]:
        """Return the largest value and all mass on its outcome."""
        law = np.zeros(len(values))
        law[int(np.argmax(values))] = 1.0
        return float(values.max()), law
