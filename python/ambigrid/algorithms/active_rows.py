"""Quadratic masters solved over the rows that matter.

Of a master's rows, network limits and cuts above all, few are binding, and an interior-point
method pays for every one. A row that was not binding for a few solves waits outside; the solution
of the others is checked against it, and where it is violated it comes back before anybody sees
that solution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ambigrid.engines import LinearProgram, Solution, SolveStatus, solve_linear, solve_quadratic
from ambigrid.labels import Vector

_PATIENCE, _PATIENCE_WITH_CUTS = 6, 2
"""Solves without being binding after which a row, or a cut, a long row, waits outside."""

_BINDING = 1e-6
"""Size of a dual, $ per unit of the row, from which its row is binding."""

_VIOLATION = 1e-6
"""Relative violation from which a row outside comes back."""


@dataclass(frozen=True)
class Scale:
    """The program is solved in (z - near) / unit; see `solve_quadratic`."""

    near: Vector
    unit: Vector


class ActiveRows:
    """Solver of a quadratic program whose rows come and go between solves."""

    def __init__(self) -> None:
        self._idle = np.zeros(0, dtype=np.intp)
        self._is_cut = np.zeros(0, dtype=bool)

    def append(self, is_cut: np.ndarray) -> None:
        """Take note of rows appended at the end, and of which are cuts.

        Those that are not, mostly limits, wait outside once they have not been binding at all.
        """
        self._idle = np.append(self._idle, np.where(is_cut, 0, _PATIENCE - 1))
        self._is_cut = np.append(self._is_cut, is_cut)

    def keep(self, kept: np.ndarray) -> None:
        """Take note of rows deleted: those where `kept` is false."""
        self._idle, self._is_cut = self._idle[kept], self._is_cut[kept]

    def solve(
        self,
        program: LinearProgram,
        hessian: sp.csr_array,
        scale: Scale,
        time_limit: float = np.inf,
    ) -> Solution:
        """Minimise ½ z'hessian z + cost'z over all rows of `program`.

        Parameters
        ----------
        program : LinearProgram
            Its first rows are those of `append`; any further ones take part in this solve only.
        hessian : sparse array (columns, columns)
        scale : Scale
        time_limit : float
            Seconds for one solve; the last of several may exceed it.
        """
        inside = self._expected(program)
        while True:
            part = np.flatnonzero(inside)
            solution = _solve_convex(program.with_rows(part), hessian, scale, time_limit)
            entering = ~inside & _violated(program, solution)
            if not entering.any() or solution.status is SolveStatus.INFEASIBLE:
                return self._finished(solution, part, len(inside))
            inside |= entering

    def _expected(self, program: LinearProgram) -> np.ndarray:
        """Rows likely to matter: equalities, those of this solve only, and lately binding ones."""
        inside = np.ones(len(program.row_lower), dtype=bool)
        patience = np.where(self._is_cut, _PATIENCE_WITH_CUTS, _PATIENCE)
        inside[: len(self._idle)] = self._idle < patience
        return np.asarray(inside | (program.row_lower == program.row_upper))

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


def _violated(program: LinearProgram, solution: Solution) -> np.ndarray:
    """Rows that a solution violates; all of them where there is no optimum to look at."""
    if solution.status is not SolveStatus.OPTIMAL:
        return np.ones(len(program.row_lower), dtype=bool)
    activity = program.matrix @ solution.primal
    excess = np.maximum(activity - program.row_upper, program.row_lower - activity)
    return np.asarray(excess > _VIOLATION * (1.0 + np.abs(activity)))


def _solve_convex(
    program: LinearProgram, hessian: sp.csr_array, scale: Scale, time_limit: float
) -> Solution:
    """Solve; a claim that nothing is feasible counts only if the simplex method agrees."""
    solution = solve_quadratic(program, hessian, time_limit, scale.near, scale.unit)
    if solution.status is SolveStatus.INFEASIBLE:
        feasibility = solve_linear(replace(program, cost=np.zeros(len(program.cost))))
        if feasibility.status is not SolveStatus.INFEASIBLE:
            return replace(solution, status=SolveStatus.ERROR)
    return solution
