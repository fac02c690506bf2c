"""`Nominal` and `Empirical`: the expectation under one known finite law."""

from __future__ import annotations

import numpy as np

from ambigrid.ambiguity import Empirical, Nominal
from ambigrid.labels import Vector
from ambigrid.reformulations.base import (
    Link,
    Reformulation,
    Search,
    StaticColumns,
    no_link,
    no_static,
)


class Expectation(Reformulation):
    """Σ_k w_k θ_k."""

    def __init__(self, ambiguity: Nominal | Empirical) -> None:
        if isinstance(ambiguity, Nominal):
            self.support, self.reference = [ambiguity.point], np.ones(1)
        else:
            self.support, self.reference = list(ambiguity.samples), ambiguity.weights

    def static(self) -> StaticColumns:
        """No further columns."""
        return no_static()

    def value_cost(self, k: int) -> float:
        """w_k."""
        return float(self.reference[k])

    def link(self, k: int) -> Link:
        """No rows."""
        return no_link()

    def searches(self, static: Vector) -> list[list[Search]]:
        """One per support point; only the call moves."""
        return [[Search(outcome)] for outcome in self.support]

    def risk(self, values: Vector, static: Vector) -> float:
        """Return the expectation of the values."""
        return float(self.reference @ values)

    def worst_case(self, values: Vector) -> tuple[float, Vector]:
        """Return the expectation and the known law."""
        return float(self.reference @ values), self.reference
