"""Quadratic masters solved over the rows that matter.

Of a master's rows, network limits and cuts above all, few are binding, and an interior-point
method pays for every one. A row that was not binding for a few solves waits outside; the solution
of the others is checked against it, and where it is violated it comes back before anybody sees
that solution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from ambigrid.engines import LinearProgram, Solution, SolveStatus, solve_linear, solve_quadratic
from ambigrid.labels import Vector

_PATIENCE = 2
"""Solves without being binding after which a row waits outside."""

_BINDING = 1e-6
"""Size of a dual, $ per unit of the row, from which its row is binding."""

_VIOLATION = 1e-6
"""Relative violation from which a row outside comes back."""


class ActiveRows:
    """Solver of a quadratic program whose rows come and go between solves."""

    def __init__(self) -> None:
        self._idle = np.zeros(0, dtype=np.intp)

    def append(self, count: int) -> None:
        """Take note of rows appended at the end."""
        self._idle = np.append(self._idle, np.zeros(count, dtype=np.intp))

    def keep(self, kept: np.ndarray) -> None:
        """Take note of rows deleted: those where `kept` is false."""
        self._idle = self._idle[kept]

    def solve(
        self,
        program: LinearProgram,
        hessian: sp.csr_array,
        near: Vector,
        unit: Vector,
        time_limit: float = np.inf,
    ) -> Solution:
        """Minimise ½ z'hessian z + cost'z over all rows of `program`.

        Parameters
        ----------
        program : LinearProgram
            Its first rows are those of `append`; any further ones take part in this solve only.
        hessian : sparse array (columns, columns)
        near, unit : array (columns,)
            See `solve_quadratic`.
        time_limit : float
            Seconds for one solve; the last of several may exceed it.
        """
        inside = np.ones(len(program.row_lower), dtype=bool)
        inside[: len(self._idle)] = self._idle < _PATIENCE
        inside |= program.row_lower == program.row_upper
        while True:
            part = np.flatnonzero(inside)
            solution = _solve_convex(_with_rows(program, part), hessian, near, unit, time_limit)
            outside = ~inside
            if solution.status is SolveStatus.OPTIMAL:
                outside &= _violated(program, solution.primal)
            if not outside.any() or solution.status is SolveStatus.INFEASIBLE:
                return self._finished(solution, part, len(inside))
            inside |= outside

    def _finished(self, solution: Solution, part: np.ndarray, rows: int) -> Solution:
        """Return the solution with a dual for every row; remember which rows were binding."""
        if not len(solution.row_duals):
            return solution
        duals = np.zeros(rows)
        duals[part] = solution.row_duals
        if solution.status is SolveStatus.OPTIMAL:
            binding = np.abs(duals[: len(self._idle)]) > _BINDING
            self._idle = np.where(binding, 0, self._idle + 1)
        return replace(solution, row_duals=duals)


def _with_rows(program: LinearProgram, rows: np.ndarray) -> LinearProgram:
    if len(rows) == len(program.row_lower):
        return program
    return replace(
        program,
        matrix=sp.csr_array(program.matrix[rows]),
        row_lower=program.row_lower[rows],
        row_upper=program.row_upper[rows],
    )


def _violated(program: LinearProgram, primal: Vector) -> np.ndarray:
    activity = program.matrix @ primal
    excess = np.maximum(activity - program.row_upper, program.row_lower - activity)
    return np.asarray(excess > _VIOLATION * (1.0 + np.abs(activity)))


def _solve_convex(
    program: LinearProgram, hessian: sp.csr_array, near: Vector, unit: Vector, time_limit: float
) -> Solution:
    """Solve; a claim that nothing is feasible counts only if the simplex method agrees."""
    solution = solve_quadratic(program, hessian, time_limit, near, unit)
    if solution.status is SolveStatus.INFEASIBLE:
        feasibility = solve_linear(replace(program, cost=np.zeros(len(program.cost))))
        if feasibility.status is not SolveStatus.INFEASIBLE:
            return replace(solution, status=SolveStatus.ERROR)
    return solution
