"""A linear program that is solved again and again with other right-hand sides, kept small.

Two reductions, both exact. A row with a single column becomes a bound of that column, and its
dual is read from the reduced cost. An inequality whose sides never change waits outside the
solver until a solution violates it; network limits mostly never do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from ambigrid.engines import LinearProgram, PersistentProgram, Solution, SolveStatus
from ambigrid.labels import Vector

_FEASIBILITY = 1e-9
"""Violation of a waiting row, in its own unit, above which it enters the solver."""


class LazyProgram:
    """Persistent program whose rows change sides between solves.

    Parameters
    ----------
    program : LinearProgram
        All rows; their sides are the first ones.
    waiting : bool array (rows,)
        Inequalities with sides that never change, which may wait outside the solver.
    """

    def __init__(self, program: LinearProgram, waiting: np.ndarray) -> None:
        self._full = program
        counts = np.diff(program.matrix.indptr)
        self._single = np.flatnonzero((counts == 1) & ~waiting)
        entries = program.matrix[self._single]
        self._column, self._factor = entries.indices.astype(np.intp), entries.data
        self._kept = np.flatnonzero(~waiting & (counts != 1))
        self._waiting = np.flatnonzero(waiting)
        self._limits = sp.csr_array(program.matrix[self._waiting])
        self._entered = np.zeros(0, dtype=np.intp)
        self._solver = PersistentProgram(
            replace(
                program,
                matrix=sp.csr_array(program.matrix[self._kept]),
                row_lower=program.row_lower[self._kept],
                row_upper=program.row_upper[self._kept],
            )
        )
        self._numbers = np.arange(len(self._kept))
        self._changing = np.unique(self._column)

    def solve(self, row_lower: Vector, row_upper: Vector) -> Solution:
        """Solve with new sides of all rows; duals come back for all rows."""
        lower, upper, low_row, high_row = self._column_bounds(row_lower, row_upper)
        crossing = lower - upper
        if (crossing > 1e-9 * (1.0 + np.abs(upper))).any():
            return self._unsolved(SolveStatus.INFEASIBLE)
        upper = np.maximum(lower, upper)
        columns = self._changing
        self._solver.set_column_bounds(columns, lower[columns], upper[columns])
        self._solver.set_row_bounds(self._numbers, row_lower[self._kept], row_upper[self._kept])
        solution = self._solver.solve()
        while solution.status is SolveStatus.OPTIMAL and self._enter_violated(solution.primal):
            solution = self._solver.solve()
        if solution.status is SolveStatus.UNBOUNDED and self._enter(self._waiting_outside()):
            return self.solve(row_lower, row_upper)
        if solution.status is not SolveStatus.OPTIMAL:
            return self._unsolved(solution.status)
        return self._with_all_duals(solution, low_row, high_row)

    def _column_bounds(
        self, row_lower: Vector, row_upper: Vector
    ) -> tuple[Vector, Vector, np.ndarray, np.ndarray]:
        """Bounds with single-column rows in them, and the row behind each bound (-1: none)."""
        ends = (row_lower[self._single] / self._factor, row_upper[self._single] / self._factor)
        positive = self._factor > 0
        low = np.where(positive, ends[0], ends[1])
        high = np.where(positive, ends[1], ends[0])
        lower, upper = self._full.lower.copy(), self._full.upper.copy()
        np.maximum.at(lower, self._column, low)
        np.minimum.at(upper, self._column, high)
        low_row = np.full(len(lower), -1, dtype=np.intp)
        high_row = np.full(len(lower), -1, dtype=np.intp)
        binding = (low == lower[self._column]) & (low > self._full.lower[self._column])
        low_row[self._column[binding]] = np.flatnonzero(binding)
        binding = (high == upper[self._column]) & (high < self._full.upper[self._column])
        high_row[self._column[binding]] = np.flatnonzero(binding)
        return lower, upper, low_row, high_row

    def _enter_violated(self, primal: Vector) -> int:
        if not len(self._waiting):
            return 0
        activity = self._limits @ primal
        rows = self._waiting
        excess = np.maximum(
            activity - self._full.row_upper[rows], self._full.row_lower[rows] - activity
        )
        violated = excess > _FEASIBILITY * (1.0 + np.abs(activity))
        violated &= ~np.isin(rows, self._entered)
        return self._enter(rows[violated])

    def _waiting_outside(self) -> np.ndarray:
        return np.setdiff1d(self._waiting, self._entered)

    def _enter(self, rows: np.ndarray) -> int:
        if len(rows):
            matrix = sp.csr_array(self._full.matrix[rows])
            self._solver.add_rows(matrix, self._full.row_lower[rows], self._full.row_upper[rows])
            self._entered = np.concatenate([self._entered, rows])
        return len(rows)

    def _with_all_duals(
        self, solution: Solution, low_row: np.ndarray, high_row: np.ndarray
    ) -> Solution:
        duals = np.zeros(len(self._full.row_lower))
        duals[self._kept] = solution.row_duals[: len(self._kept)]
        duals[self._entered] = solution.row_duals[len(self._kept) :]
        reduced = solution.reduced_costs.copy()
        source = np.where(reduced > 0, low_row, high_row)
        columns = np.flatnonzero((source >= 0) & (reduced != 0))
        singles = source[columns]
        duals[self._single[singles]] = reduced[columns] / self._factor[singles]
        reduced[columns] = 0.0
        return replace(solution, row_duals=duals, reduced_costs=reduced)

    def _unsolved(self, status: SolveStatus) -> Solution:
        none = np.zeros(0)
        return Solution(status, np.inf, -np.inf, none, none, none)
