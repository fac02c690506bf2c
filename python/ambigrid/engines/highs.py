"""Persistent linear programs on HiGHS: the model is passed once, then only changed."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from ambigrid.engines.base import LinearProgram, MixedInteger, Solution, SolveStatus
from ambigrid.errors import SolverError
from ambigrid.labels import Vector

_STATUS = {
    highspy.HighsModelStatus.kOptimal: SolveStatus.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: SolveStatus.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: SolveStatus.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: SolveStatus.UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: SolveStatus.TIME_LIMIT,
    highspy.HighsModelStatus.kIterationLimit: SolveStatus.TIME_LIMIT,
    highspy.HighsModelStatus.kObjectiveBound: SolveStatus.OPTIMAL,
    highspy.HighsModelStatus.kObjectiveTarget: SolveStatus.OPTIMAL,
}

_HEURISTICS = ("rins", "rens", "root_reduced_cost", "feasibility_jump")
"""They run sub-problems even at an effort of zero."""


class PersistentProgram:
    """A linear (or mixed-integer) program that lives in HiGHS between solves.

    Parameters
    ----------
    program : LinearProgram
    integer : bool array (columns,), optional
    """

    def __init__(self, program: LinearProgram, integer: np.ndarray | None = None) -> None:
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (("output_flag", False), ("threads", 1), ("parallel", "off")):
            self._highs.setOptionValue(option, value)
        self._highs.passModel(_highs_lp(program))
        self.is_integer = bool(integer is not None and integer.any())
        if integer is not None and self.is_integer:
            chosen = np.flatnonzero(integer).astype(np.int32)
            kinds = np.full(len(chosen), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
            self._highs.changeColsIntegrality(len(chosen), chosen, kinds)
            self._highs.setOptionValue("mip_rel_gap", 1e-7)
            self._highs.setOptionValue("mip_feasibility_tolerance", 1e-9)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._highs.getNumRow(), self._highs.getNumCol()

    def set_row_bounds(self, rows: np.ndarray, lower: Vector, upper: Vector) -> None:
        """Change both sides of some rows."""
        if len(rows):
            self._highs.changeRowsBounds(len(rows), rows.astype(np.int32), lower, upper)

    def set_column_bounds(self, columns: np.ndarray, lower: Vector, upper: Vector) -> None:
        """Change the bounds of some columns."""
        if len(columns):
            self._highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)

    def set_costs(self, columns: np.ndarray, cost: Vector) -> None:
        """Change the cost of some columns."""
        if len(columns):
            self._highs.changeColsCost(len(columns), columns.astype(np.int32), cost)

    def add_columns(self, cost: Vector, lower: Vector, upper: Vector) -> None:
        """Append columns that stand in no row yet."""
        count, none = len(cost), np.zeros(0, dtype=np.int32)
        starts = np.zeros(count, dtype=np.int32)
        self._highs.addCols(count, cost, lower, upper, 0, starts, none, np.zeros(0))

    def add_rows(self, matrix: sp.csr_array, lower: Vector, upper: Vector) -> None:
        """Append rows."""
        self._highs.addRows(
            matrix.shape[0], lower, upper, matrix.nnz,
            matrix.indptr[:-1].astype(np.int32), matrix.indices.astype(np.int32), matrix.data,
        )  # fmt: skip

    def delete_rows(self, rows: np.ndarray) -> None:
        """Remove rows; later rows move up."""
        if len(rows):
            self._highs.deleteRows(len(rows), rows.astype(np.int32))

    def start_from(self, other: PersistentProgram) -> None:
        """Begin with the last basis of a program with the same columns and rows, if it has one."""
        basis = other._highs.getBasis()
        if basis.valid:
            self._highs.setBasis(basis)

    def solve(self, time_limit: float = np.inf) -> Solution:
        """Solve from the last basis.

        Raises
        ------
        SolverError
            If HiGHS reports a failure twice, the second time from scratch.
        """
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + time_limit)
        self._highs.run()
        status = _STATUS.get(self._highs.getModelStatus(), SolveStatus.ERROR)
        if status in (SolveStatus.ERROR, SolveStatus.UNBOUNDED) or self._is_imprecise(status):
            status = self._solve_again()
        return self._solution(status)

    def _is_imprecise(self, status: SolveStatus) -> bool:
        """Whether an optimum of the scaled program breaks a tolerance of the unscaled one."""
        feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        info = self._highs.getInfo()
        return status is SolveStatus.OPTIMAL and info.primal_solution_status != feasible

    def _solve_again(self) -> SolveStatus:
        self._highs.clearSolver()
        self._highs.setOptionValue("presolve", "off")
        self._highs.run()
        self._highs.setOptionValue("presolve", "choose")
        model_status = self._highs.getModelStatus()
        if model_status not in _STATUS:
            name = self._highs.modelStatusToString(model_status)
            raise SolverError(f"HiGHS could not solve a program of shape {self.shape}: {name}.")
        return _STATUS[model_status]

    def _solution(self, status: SolveStatus) -> Solution:
        values, info = self._highs.getSolution(), self._highs.getInfo()
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        optimal = status is SolveStatus.OPTIMAL
        objective = info.objective_function_value if found or optimal else np.inf
        bound = info.mip_dual_bound if self.is_integer else (objective if optimal else -np.inf)
        return Solution(
            status, float(objective), float(bound), np.array(values.col_value),
            np.array(values.row_dual), np.array(values.col_dual),
        )  # fmt: skip


def solve_linear(program: LinearProgram, time_limit: float = np.inf) -> Solution:
    """Solve a linear program once."""
    return PersistentProgram(program).solve(time_limit)


def solve_mixed_integer(
    program: MixedInteger,
    *,
    absolute_gap: float,
    time_limit: float = np.inf,
    heuristics: bool = True,
) -> Solution:
    """Solve a mixed-integer program until objective − bound ≤ `absolute_gap`.

    Parameters
    ----------
    program : MixedInteger
    absolute_gap : float
        In the unit of the objective.
    time_limit : float
        Seconds.
    heuristics : bool
        Whether to search for points besides branching; a waste where the start is good.
    """
    highs = PersistentProgram(program.relaxation, program.integer)
    highs._highs.setOptionValue("mip_rel_gap", 0.0)
    highs._highs.setOptionValue("mip_abs_gap", max(absolute_gap, 1e-9))
    if not heuristics:
        highs._highs.setOptionValue("mip_heuristic_effort", 0.0)
        for name in _HEURISTICS:
            highs._highs.setOptionValue(f"mip_heuristic_run_{name}", False)
    if program.start is not None:
        columns = np.flatnonzero(program.integer).astype(np.int32)
        highs._highs.setSolution(len(columns), columns, program.start[columns])
    return highs.solve(time_limit)


def _highs_lp(program: LinearProgram) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(program.cost), len(program.row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    matrix = sp.csr_array(program.matrix)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = matrix.data.astype(float)
    return lp
