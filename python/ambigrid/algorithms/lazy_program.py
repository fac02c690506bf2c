"""A linear program that is solved again and again with other right-hand sides, kept small.

Two reductions, both exact. A row with a single column becomes a bound of that column, and its
dual is read from the reduced cost. Any other inequality waits outside the solver until a solution
violates it; network limits, long rows, mostly never do.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from ambigrid.engines import LinearProgram, PersistentProgram, Solution, SolveStatus
from ambigrid.labels import Positions, Vector

_FEASIBILITY = 1e-9
"""Violation of a waiting row, in its own unit, above which it enters the solver."""


class LazyProgram:
    """Persistent program whose rows change sides between solves.

    Parameters
    ----------
    program : LinearProgram
        All rows; their sides are the first ones, and a side that is infinite then stays so.
    """

    def __init__(self, program: LinearProgram) -> None:
        self._full = program
        single = np.diff(program.matrix.indptr) == 1
        one_sided = np.isinf(program.row_lower) | np.isinf(program.row_upper)
        self._single = np.flatnonzero(single)
        entries = program.matrix[self._single]
        self._column, self._factor = entries.indices.astype(np.intp), entries.data
        self._kept = np.flatnonzero(~single & ~one_sided)
        self._waiting = np.flatnonzero(~single & one_sided)
        self._limits = sp.csr_array(program.matrix[self._waiting])
        self._entered = np.zeros(0, dtype=np.intp)
        self._outside = np.ones(len(self._waiting), dtype=bool)
        self._changing = np.unique(self._column)
        self._solver = PersistentProgram(self._inside())
        self._model: LazyProgram | None = None

    def twin(self) -> LazyProgram:
        """Another solver of the same program, which begins where this one is by then."""
        twin = copy(self)
        twin._model = self
        return twin

    def _begin(self) -> None:
        """Take over the rows and the basis of the program whose twin this is."""
        if self._model is not None:
            self._entered, self._outside = self._model._entered, self._model._outside.copy()
            self._solver = PersistentProgram(self._inside())
            self._solver.start_from(self._model._solver)
            self._model = None

    def _inside(self) -> LinearProgram:
        """Return the program with the rows that the solver has."""
        rows = np.concatenate([self._kept, self._entered])
        return self._full.with_rows(rows)

    def solve(self, row_lower: Vector, row_upper: Vector) -> Solution:
        """Solve with new sides of all rows; duals come back for all rows."""
        self._begin()
        lower, upper, low_row, high_row = self._column_bounds(row_lower, row_upper)
        crossing = lower - upper
        if (crossing > 1e-9 * (1.0 + np.abs(upper))).any():
            return self._unsolved(SolveStatus.INFEASIBLE)
        upper = np.maximum(lower, upper)
        columns = self._changing
        self._solver.set_column_bounds(columns, lower[columns], upper[columns])
        inside = np.concatenate([self._kept, self._entered])
        self._solver.set_row_bounds(np.arange(len(inside)), row_lower[inside], row_upper[inside])
        solution = self._solver.solve()
        while len(entering := self._missing(solution, row_lower, row_upper)):
            self._enter(entering, row_lower, row_upper)
            solution = self._solver.solve()
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

    def _missing(self, solution: Solution, row_lower: Vector, row_upper: Vector) -> Positions:
        """Rows outside that the solution violates; all of them where they must bound it."""
        rows = self._waiting
        if solution.status is SolveStatus.UNBOUNDED:
            return np.asarray(rows[self._outside])
        if solution.status is not SolveStatus.OPTIMAL:
            return rows[:0]
        activity = self._limits @ solution.primal
        excess = np.maximum(activity - row_upper[rows], row_lower[rows] - activity)
        violated = self._outside & (excess > _FEASIBILITY * (1.0 + np.abs(activity)))
        return np.asarray(rows[violated])

    def _enter(self, rows: Positions, row_lower: Vector, row_upper: Vector) -> None:
        matrix = sp.csr_array(self._full.matrix[rows])
        self._solver.add_rows(matrix, row_lower[rows], row_upper[rows])
        self._entered = np.concatenate([self._entered, rows])
        self._outside[np.searchsorted(self._waiting, rows)] = False

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
