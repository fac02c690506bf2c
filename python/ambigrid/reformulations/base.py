"""How an ambiguity set enters a master problem, and the way back to its worst case.

Every set turns into the same three things: a few columns and rows over the values
θ_k ≥ V(x, ·, ξ_k) of support points (`static`, `link`), a list of searches that may find new
support points (`searches`), and the risk that the searches' values amount to (`risk`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy.sparse as sp

from ambigrid.labels import Vector

Exactness = Literal["exact", "upper", "lower"]


@dataclass(frozen=True)
class Search:
    """One inner maximisation: max over ξ and δ of V(x, δ, ξ) less a penalty on ξ.

    Attributes
    ----------
    outcome : array (n_ξ,)
        ξ where it does not move.
    columns : int array (k,)
        Uncertain variables that may move.
    options : array (k, m)
        Values each of them may take.
    penalties : array (k, m)
        Subtracted for taking an option.
    budget : int or None
        Largest number of variables away from `outcome`.
    offset : float
        Subtracted in any case.
    """

    outcome: Vector
    columns: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    options: Vector = field(default_factory=lambda: np.zeros((0, 1)))
    penalties: Vector = field(default_factory=lambda: np.zeros((0, 1)))
    budget: int | None = None
    offset: float = 0.0


@dataclass(frozen=True)
class StaticColumns:
    """Columns a set adds to the master besides θ: cost and bounds."""

    cost: Vector
    lower: Vector
    upper: Vector


@dataclass(frozen=True)
class Link:
    """Rows ``static @ z + value * θ_k ≥ lower`` that tie one θ_k to the static columns."""

    static: sp.csr_array
    value: Vector
    lower: Vector


class Reformulation(ABC):
    """An ambiguity set over a support that is known, or grows by searches.

    Attributes
    ----------
    exactness : "exact", "upper" or "lower"
        How the reformulated worst case compares to the set's own.
    support : list of array (n_ξ,)
        Support points found so far; the first `len(reference)` are there from the start.
    reference : array
        Probabilities of the first support points under a law inside the set.
    grows : bool
        Whether searches may find new support points.
    """

    exactness: Exactness = "exact"
    grows: bool = False
    support: list[Vector]
    reference: Vector

    @abstractmethod
    def static(self) -> StaticColumns:
        """Columns besides θ."""

    @abstractmethod
    def value_cost(self, k: int) -> float:
        """Cost of θ_k in the master."""

    @abstractmethod
    def link(self, k: int) -> Link:
        """Rows of support point k."""

    @abstractmethod
    def searches(self, static: Vector) -> list[list[Search]]:
        """Inner maximisations at a master's static columns, alternatives grouped by centre."""

    @abstractmethod
    def risk(self, values: Vector, static: Vector) -> float:
        """Worst-case risk that the searches' values (one per centre) amount to."""

    @abstractmethod
    def worst_case(self, values: Vector) -> tuple[float, Vector]:
        """Largest expectation of the values of the support, and the law that attains it."""

    def add(self, outcome: Vector) -> int:
        """Append a support point and return its number."""
        self.support.append(outcome)
        return len(self.support) - 1


def no_static() -> StaticColumns:
    """No columns."""
    return StaticColumns(np.zeros(0), np.zeros(0), np.zeros(0))


def no_link() -> Link:
    """No rows."""
    return Link(sp.csr_array((0, 0)), np.zeros(0), np.zeros(0))
