"""The recourse value V(x, δ, ξ) of one scenario: a warm linear program and its cuts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.engines import LinearProgram, PersistentProgram, Solution, SolveStatus
from ambigrid.errors import SolverError
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram


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
        matrix = LinearProgram(
            columns.cost, columns.lower, columns.upper, program.W, *rows.bounds()
        )
        self._solver = PersistentProgram(matrix)
        self._elastic: PersistentProgram | None = None
        self.solves = 0

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
        solution = self._solve(self._solver, rhs)
        if solution.status is SolveStatus.INFEASIBLE:
            solution = self._solve(self._elastic_program(), rhs)
            return self._result(solution, x, vertex, feasibility=True)
        if solution.status is not SolveStatus.OPTIMAL:
            raise SolverError(
                f"The recourse problem ended with status {solution.status.value}: "
                "it must be bounded below. Give every recourse variable a cost or a bound."
            )
        return self._result(solution, x, vertex, feasibility=False)

    def _solve(self, solver: PersistentProgram, rhs: Vector) -> Solution:
        lower = np.where(self._has_lower, rhs, -np.inf)
        upper = np.where(self._has_upper, rhs, np.inf)
        solver.set_row_bounds(self._all_rows, lower, upper)
        self.solves += 1
        return solver.solve()

    def _result(
        self, solution: Solution, x: Vector, vertex: Vertex, *, feasibility: bool
    ) -> RecourseValue:
        program = self._program
        duals = solution.row_duals
        slope = -(program.T.T @ duals)
        if program.adversarial.size:
            slope = slope - program.call_map(vertex.pattern).matrix.T @ (program.D.T @ duals)
        objective = solution.objective
        cut = Cut(float(objective - slope @ x), np.asarray(slope), feasibility)
        value = np.inf if feasibility and objective > 1e-7 else objective
        return RecourseValue(value, duals, solution.primal[: program.recourse.size], cut)

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
