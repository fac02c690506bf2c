"""What an algorithm may ask of a solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import scipy.sparse as sp

from ambigrid.labels import Vector


class SolveStatus(StrEnum):
    """How a single solve ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    TIME_LIMIT = "time_limit"
    ERROR = "error"


@dataclass(frozen=True)
class Solution:
    """A solve's outcome.

    Attributes
    ----------
    status : SolveStatus
    objective : float
        Value of the primal point; infinite where there is none.
    bound : float
        Lower bound on the optimal value.
    primal : array (columns,)
    row_duals : array (rows,)
        Derivative of the optimal value in each row's binding side.
    reduced_costs : array (columns,)
    """

    status: SolveStatus
    objective: float
    bound: float
    primal: Vector
    row_duals: Vector
    reduced_costs: Vector


@dataclass(frozen=True)
class LinearProgram:
    """Minimise cost'z subject to row_lower ≤ matrix z ≤ row_upper, lower ≤ z ≤ upper."""

    cost: Vector
    lower: Vector
    upper: Vector
    matrix: sp.csr_array
    row_lower: Vector
    row_upper: Vector

    def with_rows(self, rows: np.ndarray) -> LinearProgram:
        """Return the program with some of its rows only, by position."""
        return replace(
            self,
            matrix=sp.csr_array(self.matrix[rows]),
            row_lower=self.row_lower[rows],
            row_upper=self.row_upper[rows],
        )


@dataclass(frozen=True)
class MixedInteger:
    """A linear program with integer columns and, optionally, a point to start from."""

    relaxation: LinearProgram
    integer: np.ndarray
    start: Vector | None = None
