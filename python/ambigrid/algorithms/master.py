"""The master problem: first stages, risk columns, value columns θ, cuts and copies.

    min Σ_blocks [ c'x + ½x'Qx + risk(z, θ) ] + linear and proximal terms on x
    s.t. first-stage rows, rows of the risk (`Link`), θ_k ≥ cuts or θ_k ≥ q'y of a copy

It only grows: columns and rows are appended to a solver that keeps its basis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.block import Block
from ambigrid.algorithms.recourse import Cut, Vertex
from ambigrid.engines import (
    LinearProgram,
    PersistentProgram,
    Solution,
    SolveStatus,
    solve_quadratic,
)
from ambigrid.labels import Positions, Vector


@dataclass(frozen=True)
class Proximal:
    """½ weight ‖x[columns] - centre‖² for the columns of one block."""

    block: int
    columns: Positions
    centre: Vector
    weight: float


@dataclass(frozen=True)
class MasterPoint:
    """A solution of the master: status, value, and each block's x, static columns and θ."""

    status: SolveStatus
    objective: float
    bound: float
    x: tuple[Vector, ...]
    static: tuple[Vector, ...]
    theta: tuple[Vector, ...]
    solution: Solution


class Master:
    """Master of one or several blocks, optionally with x tied together between blocks.

    Parameters
    ----------
    blocks : sequence of Block
    ties : sequence of (block, columns, block, columns)
        First-stage columns of two blocks that must be equal.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        ties: Sequence[tuple[int, Positions, int, Positions]] = (),
    ) -> None:
        self.blocks = list(blocks)
        self._cost = np.zeros(0)
        self._lower, self._upper = np.zeros(0), np.zeros(0)
        self._integer = np.zeros(0, dtype=bool)
        self._rows: list[sp.csr_array] = []
        self._row_lower, self._row_upper = np.zeros(0), np.zeros(0)
        self._solver: PersistentProgram | None = None
        self._x: list[Positions] = []
        self._static: list[Positions] = []
        self._theta: list[list[int]] = [[] for _ in self.blocks]
        self.row_origin: list[tuple[int, str]] = []
        for index in range(len(self.blocks)):
            self._add_block(index)
        for first, columns, second, others in ties:
            self._add_tie(self._x[first][columns], self._x[second][others])

    # Building -----------------------------------------------------------------------------

    def _add_block(self, index: int) -> None:
        block = self.blocks[index]
        first = block.program.first_stage
        self._x.append(self._add_columns(first.cost, first.lower, first.upper, first.integer))
        static = block.risk.static()
        self._static.append(self._add_columns(static.cost, static.lower, static.upper))
        self._add_rows([(self._x[index], block.program.A)], *block.program.first_rows.bounds())
        for k in range(len(block.risk.support)):
            self.add_support(index, k)

    def add_support(self, index: int, k: int) -> None:
        """Add θ_k and the rows that tie it to the risk."""
        block = self.blocks[index]
        lower = np.full(1, recourse_floor(block))
        cost = np.full(1, block.risk.value_cost(k))
        column = self._add_columns(cost, lower, np.full(1, np.inf))
        self._theta[index].append(int(column[0]))
        link = block.risk.link(k)
        value = sp.csr_array(link.value.reshape(-1, 1))
        parts = [(self._static[index], link.static), (column, value)]
        self._add_rows(parts, link.lower, np.full(len(link.lower), np.inf))

    def add_cuts(self, index: int, cuts: Sequence[tuple[int, Cut]]) -> None:
        """Add θ_k ≥ cut, or 0 ≥ cut for feasibility cuts."""
        if not cuts:
            return
        gradients = sp.csr_array(np.array([-cut.gradient for _, cut in cuts]))
        optimality = [(i, k) for i, (k, cut) in enumerate(cuts) if not cut.feasibility]
        rows, numbers = (
            (list(part) for part in zip(*optimality, strict=True))
            if optimality
            else (
                [],
                [],
            )
        )
        columns = np.array(self._theta[index], dtype=np.intp)
        value = sp.csr_array((np.ones(len(rows)), (rows, numbers)), (len(cuts), len(columns)))
        constants = np.array([cut.constant for _, cut in cuts])
        self._add_rows(
            [(self._x[index], gradients), (columns, value)], constants, np.full(len(cuts), np.inf)
        )

    def add_copy(self, index: int, vertex: Vertex, weights: Vector) -> None:
        """Add the recourse at a vertex with columns of its own: weights'θ ≥ q'y."""
        program = self.blocks[index].program
        recourse, rows = program.recourse, program.second_rows
        call = program.call_map(vertex.pattern)
        y = self._add_columns(np.zeros(recourse.size), recourse.lower, recourse.upper)
        rhs = rows.rhs - program.H @ vertex.outcome - program.D @ call.constant
        on_x = sp.csr_array(program.T + program.D @ call.matrix)
        self._add_rows([(self._x[index], on_x), (y, program.W)], *rows.bounds(rhs))
        theta = np.array(self._theta[index], dtype=np.intp)[: len(weights)]
        parts = [
            (theta, sp.csr_array(weights.reshape(1, -1))),
            (y, sp.csr_array(-recourse.cost.reshape(1, -1))),
        ]
        self._add_rows(parts, np.zeros(1), np.full(1, np.inf))

    def _add_tie(self, first: Positions, second: Positions) -> None:
        identity = sp.eye_array(len(first), format="csr")
        zeros = np.zeros(len(first))
        self._add_rows([(first, identity), (second, sp.csr_array(-identity))], zeros, zeros)

    def _add_columns(
        self, cost: Vector, lower: Vector, upper: Vector, integer: np.ndarray | None = None
    ) -> Positions:
        start = len(self._cost)
        self._cost = np.concatenate([self._cost, cost])
        self._lower = np.concatenate([self._lower, lower])
        self._upper = np.concatenate([self._upper, upper])
        kinds = np.zeros(len(cost), dtype=bool) if integer is None else integer
        self._integer = np.concatenate([self._integer, kinds])
        if self._solver is not None and len(cost):
            self._solver.add_columns(cost, lower, upper)
        return np.arange(start, start + len(cost))

    def _add_rows(
        self, parts: list[tuple[Positions, sp.csr_array]], lower: Vector, upper: Vector
    ) -> None:
        if not len(lower):
            return
        matrix = _spread(parts, len(lower), len(self._cost))
        self._rows.append(matrix)
        self._row_lower = np.concatenate([self._row_lower, lower])
        self._row_upper = np.concatenate([self._row_upper, upper])
        if self._solver is not None:
            self._solver.add_rows(matrix, lower, upper)

    # Changing -----------------------------------------------------------------------------

    def set_linear(self, index: int, columns: Positions, coefficients: Vector) -> None:
        """Set the linear term added to the cost of some first-stage columns (not cumulative)."""
        own = self.blocks[index].program.first_stage.cost[columns]
        positions = self._x[index][columns]
        self._cost[positions] = own + coefficients
        if self._solver is not None:
            self._solver.set_costs(positions, self._cost[positions])

    def set_bounds(self, index: int, columns: Positions, lower: Vector, upper: Vector) -> None:
        """Change the bounds of some first-stage columns."""
        positions = self._x[index][columns]
        self._lower[positions], self._upper[positions] = lower, upper
        if self._solver is not None:
            self._solver.set_column_bounds(positions, lower, upper)

    # Solving ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self._row_lower), len(self._cost)

    def solve(self, proximal: Sequence[Proximal] = (), time_limit: float = np.inf) -> MasterPoint:
        """Solve; with quadratic terms by an interior-point method, else by warm simplex."""
        hessian, shift, constant = self._quadratic(proximal)
        if hessian.nnz:
            program = self._program()
            program = LinearProgram(
                program.cost + shift, program.lower, program.upper,
                program.matrix, program.row_lower, program.row_upper,
            )  # fmt: skip
            solution = solve_quadratic(program, hessian, time_limit)
        else:
            if self._solver is None:
                self._solver = PersistentProgram(self._program(), self._integer)
            solution = self._solver.solve(time_limit)
        return self._point(solution, constant)

    def _point(self, solution: Solution, constant: float) -> MasterPoint:
        primal = solution.primal
        if not len(primal):
            primal = np.full(len(self._cost), np.nan)
        return MasterPoint(
            solution.status,
            solution.objective + constant,
            solution.bound + constant,
            tuple(primal[columns] for columns in self._x),
            tuple(primal[columns] for columns in self._static),
            tuple(primal[columns] for columns in self._theta),
            solution,
        )

    def _quadratic(self, proximal: Sequence[Proximal]) -> tuple[sp.csr_array, Vector, float]:
        size = len(self._cost)
        rows, columns, values = [], [], []
        for index, block in enumerate(self.blocks):
            own = sp.coo_array(block.program.quadratic)
            rows.append(self._x[index][own.coords[0]])
            columns.append(self._x[index][own.coords[1]])
            values.append(own.data)
        shift, constant = np.zeros(size), 0.0
        for term in proximal:
            positions = self._x[term.block][term.columns]
            rows.append(positions)
            columns.append(positions)
            values.append(np.full(len(positions), term.weight))
            shift[positions] -= term.weight * term.centre
            constant += 0.5 * term.weight * float(term.centre @ term.centre)
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return sp.csr_array(entries, shape=(size, size)), shift, constant

    def _program(self) -> LinearProgram:
        size = len(self._cost)
        widened = []
        for chunk in self._rows:
            wide = chunk.copy()
            wide.resize((chunk.shape[0], size))
            widened.append(wide)
        matrix = sp.csr_array(sp.vstack(widened)) if widened else sp.csr_array((0, size))
        self._rows = [matrix]
        return LinearProgram(
            self._cost, self._lower, self._upper, matrix, self._row_lower, self._row_upper
        )


def recourse_floor(block: Block) -> float:
    """Lower bound on q'y from the bounds of y alone, kept finite so that masters are bounded."""
    columns = block.program.recourse
    with np.errstate(invalid="ignore"):
        at_lower = np.where(columns.cost > 0, columns.cost * columns.lower, 0.0)
        at_upper = np.where(columns.cost < 0, columns.cost * columns.upper, 0.0)
    return float(at_lower.sum() + at_upper.sum())


def _spread(parts: list[tuple[Positions, sp.csr_array]], rows: int, width: int) -> sp.csr_array:
    at_row, at_column, values = [], [], []
    for columns, matrix in parts:
        entries = sp.coo_array(matrix)
        at_row.append(entries.coords[0])
        at_column.append(np.asarray(columns)[entries.coords[1]])
        values.append(entries.data)
    entries = (np.concatenate(values), (np.concatenate(at_row), np.concatenate(at_column)))
    return sp.csr_array(entries, shape=(rows, width))
