"""The recourse value V(x, δ, ξ) of one scenario: a warm linear program and its cuts."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.lazy_program import LazyProgram
from ambigrid.engines import LinearProgram, PersistentProgram, Solution, SolveStatus
from ambigrid.errors import SolverError
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram

_INFEASIBLE = 1e-7
"""Sum of violations above which rows count as infeasible."""


@dataclass(frozen=True)
class Vertex:
    """An outcome ξ and a call pattern u (+1 upper end of the box, -1 lower end, 0 none)."""

    outcome: Vector
    pattern: np.ndarray

    @property
    def key(self) -> tuple[bytes, bytes]:
        """Identity of the vertex: cuts and columns are keyed by it, never by δ."""
        return self.outcome.tobytes(), self.pattern.astype(np.int8).tobytes()


@dataclass(frozen=True)
class Cut:
    """A minorant of V(·, δ_u(·), ξ) in x: ``constant + gradient @ x``.

    With `feasibility`, x has a recourse only where the minorant is at most 0.
    """

    constant: float
    gradient: Vector
    feasibility: bool = False

    def __call__(self, x: Vector) -> float:
        """Value at x."""
        return float(self.constant + self.gradient @ x)


@dataclass(frozen=True)
class RecourseValue:
    """V at a point: its value, the dual π of the rows, y, and the cut π gives."""

    value: float
    duals: Vector
    recourse: Vector
    cut: Cut


class RecourseProgram:
    """V(x, δ, ξ) as a linear program that stays in the solver; only right-hand sides change."""

    def __init__(self, program: TwoStageProgram) -> None:
        self._program = program
        columns, rows = program.recourse, program.second_rows
        self._all_rows = np.arange(rows.size)
        self._has_lower, self._has_upper = rows.sense != "<", rows.sense != ">"
        linear = LinearProgram(
            columns.cost, columns.lower, columns.upper, program.W, *rows.bounds()
        )
        self._lazy: LazyProgram | None = None
        if columns.integer.any():
            self._mixed = PersistentProgram(linear, columns.integer)
        else:
            self._lazy = LazyProgram(linear)
        self._elastic: PersistentProgram | None = None
        self._T, self._D = sp.csr_array(program.T.T), sp.csr_array(program.D.T)
        self._upper = sp.csr_array(program.call_upper.matrix.T)
        self._lower = sp.csr_array(program.call_lower.matrix.T)
        self.solves = 0

    def twin(self) -> RecourseProgram:
        """Another solver of the same program, which begins where this one is by then."""
        if self._lazy is None:
            return RecourseProgram(self._program)
        twin = copy(self)
        twin._lazy, twin._elastic, twin.solves = self._lazy.twin(), None, 0
        return twin

    def value(self, x: Vector, vertex: Vertex) -> RecourseValue:
        """Solve at x and a vertex; an infeasible point yields a feasibility cut.

        Raises
        ------
        SolverError
            If the recourse is unbounded below, or the solver fails.
        """
        program = self._program
        call = program.call(x, vertex.pattern)
        rhs = program.recourse_rhs(x, call, vertex.outcome)
        solution = self._solve_recourse(rhs)
        if solution.status is SolveStatus.INFEASIBLE:
            elastic = self._solve_elastic(rhs)
            if elastic.objective > _INFEASIBLE:
                return self._result(elastic, x, vertex, feasibility=True)
            change = self._relief(elastic)
            solution = self._solve_recourse(rhs + change)
            if solution.status is not SolveStatus.OPTIMAL:
                return self._result(elastic, x, vertex, feasibility=True)
            value = solution.objective - float(solution.row_duals @ change)
            solution = replace(solution, objective=value)
        if solution.status is not SolveStatus.OPTIMAL:
            raise SolverError(
                f"The recourse problem ended with status {solution.status.value}: "
                "it must be bounded below. Give every recourse variable a cost or a bound."
            )
        return self._result(solution, x, vertex, feasibility=False)

    def _solve_recourse(self, rhs: Vector) -> Solution:
        self.solves += 1
        lower, upper = self._sides(rhs)
        if self._lazy is not None:
            return self._lazy.solve(lower, upper)
        self._mixed.set_row_bounds(self._all_rows, lower, upper)
        return self._mixed.solve()

    def _sides(self, rhs: Vector) -> tuple[Vector, Vector]:
        lower = np.where(self._has_lower, rhs, -np.inf)
        return lower, np.where(self._has_upper, rhs, np.inf)

    def _result(
        self, solution: Solution, x: Vector, vertex: Vertex, *, feasibility: bool
    ) -> RecourseValue:
        program = self._program
        duals = solution.row_duals if len(solution.row_duals) else np.zeros(len(self._all_rows))
        slope = -(self._T @ duals)
        if program.adversarial.size:
            rise, pattern = self._D @ duals, vertex.pattern
            slope -= self._upper @ np.where(pattern > 0, rise, 0.0)
            slope -= self._lower @ np.where(pattern < 0, rise, 0.0)
        objective = solution.objective
        cut = Cut(float(objective - slope @ x), np.asarray(slope), feasibility)
        value = np.inf if feasibility else objective
        return RecourseValue(value, duals, solution.primal[: program.recourse.size], cut)

    def _relief(self, elastic: Solution) -> Vector:
        """Change of the right-hand side, within tolerance, that makes the rows feasible."""
        above, below = np.split(elastic.primal[self._program.recourse.size :], 2)
        change = below - above
        equality = self._has_lower & self._has_upper
        return np.asarray(change + np.where(equality, 0.0, _INFEASIBLE * np.sign(change)))

    def _solve_elastic(self, rhs: Vector) -> Solution:
        elastic = self._elastic_program()
        elastic.set_row_bounds(self._all_rows, *self._sides(rhs))
        return elastic.solve()

    def _elastic_program(self) -> PersistentProgram:
        if self._elastic is None:
            columns, rows = self._program.recourse, self._program.second_rows
            identity = sp.eye_array(rows.size, format="csr")
            matrix = sp.csr_array(sp.hstack([self._program.W, identity, -identity]))
            zeros, ones = np.zeros(columns.size), np.ones(2 * rows.size)
            elastic = LinearProgram(
                np.concatenate([zeros, ones]),
                np.concatenate([columns.lower, 0 * ones]),
                np.concatenate([columns.upper, np.inf * ones]),
                matrix,
                *rows.bounds(),
            )
            self._elastic = PersistentProgram(elastic)
        return self._elastic
