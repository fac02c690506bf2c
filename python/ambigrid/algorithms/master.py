"""The master problem: first stages, risk columns, value columns θ, cuts and copies.

    min Σ_blocks [ c'x + ½x'Qx + risk(z, θ) ] + linear and proximal terms on x
    s.t. first-stage rows, rows of the risk (`Link`), θ_k ≥ cuts or θ_k ≥ q'y of a copy

Columns and rows are appended to a solver that keeps its basis. Cuts that have not been
binding for a while leave the solver but stay in a pool, from which violated ones return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.active_rows import ActiveRows, Scale
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.cut_pool import CutPool
from ambigrid.algorithms.recourse import Cut, Vertex
from ambigrid.engines import (
    LinearProgram,
    PersistentProgram,
    Solution,
    SolveStatus,
    solve_linear,
)
from ambigrid.labels import Positions, Vector


@dataclass(frozen=True)
class Proximal:
    """½ Σ weight (x[columns] - centre)² for columns of one block; one weight, or one each."""

    block: int
    columns: Positions
    centre: Vector
    weight: float | Vector


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
        self._active = ActiveRows()
        self._x: list[Positions] = []
        self._static: list[Positions] = []
        self._first_rows: list[int] = []
        self._theta: list[list[int]] = [[] for _ in self.blocks]
        self._copied: set[tuple[int, int, tuple[bytes, bytes]]] = set()
        self.pools = [CutPool(block.program.first_stage.size) for block in self.blocks]
        self._row_cut = np.zeros((0, 2), dtype=np.intp)
        for index in range(len(self.blocks)):
            self._add_block(index)
        self._tie_rows = np.zeros(0, dtype=np.intp)
        for first, columns, second, others in ties:
            self._add_tie(self._x[first][columns], self._x[second][others])

    # Building -----------------------------------------------------------------------------

    def _add_block(self, index: int) -> None:
        block = self.blocks[index]
        first = block.program.first_stage
        self._x.append(self._add_columns(first.cost, first.lower, first.upper, first.integer))
        static = block.risk.static()
        self._static.append(self._add_columns(static.cost, static.lower, static.upper))
        self._first_rows.append(len(self._row_lower))
        self._add_rows([(self._x[index], block.program.A)], *block.program.first_rows.bounds())
        for k in range(len(block.risk.support)):
            self.add_support(index, k)

    def add_support(self, index: int, k: int) -> None:
        """Add θ_k, and those before it that another master has learnt of.

        Masters that share a block share its support.
        """
        for number in range(len(self._theta[index]), k + 1):
            self._add_value(index, number)

    def support_numbers(self, index: int, outcome: Vector) -> list[int]:
        """Numbers of the support points at an outcome, which is added where it is new."""
        block = self.blocks[index]
        numbers = block.support_numbers(outcome) or [block.risk.add(outcome)]
        self.add_support(index, max(numbers))
        return numbers

    def _add_value(self, index: int, k: int) -> None:
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
        """Add θ_k ≥ cut, or 0 ≥ cut for feasibility cuts, to the pool and to the solver."""
        if cuts:
            self.add_support(index, max(k for k, _ in cuts))
            self._activate(index, self.pools[index].append(cuts))

    def recall(self, index: int, x: Vector, theta: Vector, tolerance: float) -> int:
        """Bring back cuts of the pool that (x, θ) violates; return how many."""
        pool = self.pools[index]
        numbers = pool.violated(x, theta, tolerance)
        self._activate(index, numbers)
        return len(numbers)

    def restore_pool(
        self, index: int, gradient: Vector, constant: Vector, support: np.ndarray
    ) -> None:
        """Fill an empty pool with cuts learnt earlier and put them all into the solver."""
        cuts = [
            (max(int(k), 0), Cut(float(c), g, feasibility=k < 0))
            for g, c, k in zip(gradient, constant, support, strict=True)
        ]
        self.add_cuts(index, cuts)

    def _activate(self, index: int, numbers: np.ndarray) -> None:
        if not len(numbers):
            return
        pool = self.pools[index]
        pool.active[numbers], pool.idle[numbers] = True, 0
        value_of = pool.support[numbers]
        optimality = np.flatnonzero(value_of >= 0)
        columns = np.array(self._theta[index], dtype=np.intp)
        value = sp.csr_array(
            (np.ones(len(optimality)), (optimality, value_of[optimality])),
            shape=(len(numbers), len(columns)),
        )
        gradients = sp.csr_array(-pool.gradient[numbers])
        tags = np.stack([np.full(len(numbers), index), numbers], axis=1)
        self._add_rows(
            [(self._x[index], gradients), (columns, value)],
            pool.constant[numbers],
            np.full(len(numbers), np.inf),
            tags,
        )

    def retire(self, point: MasterPoint, patience: int = 8) -> None:
        """Take cuts out of the solver that have not been binding for `patience` solves.

        Rows added since `point` was solved stay.
        """
        if self.has_integers:
            return  # no duals tell which cuts are binding
        duals = point.solution.row_duals
        is_cut = np.flatnonzero(self._row_cut[: len(duals), 0] >= 0)
        if not len(is_cut):
            return
        tags = self._row_cut[is_cut]
        binding = np.abs(duals[is_cut]) > 1e-7
        gone = np.zeros(len(is_cut), dtype=bool)
        for index, pool in enumerate(self.pools):
            mine = tags[:, 0] == index
            numbers = tags[mine, 1]
            pool.idle[numbers] = np.where(binding[mine], 0, pool.idle[numbers] + 1)
            retired = pool.idle[numbers] >= patience
            pool.active[numbers[retired]] = False
            gone[np.flatnonzero(mine)[retired]] = True
        if np.count_nonzero(gone) >= 20:
            self._delete_rows(is_cut[gone])
        else:
            for index, number in tags[gone]:
                self.pools[index].active[number] = True

    def _delete_rows(self, rows: np.ndarray) -> None:
        keep = np.ones(len(self._row_lower), dtype=bool)
        keep[rows] = False
        matrix = self.linear_program().matrix
        self._rows = [sp.csr_array(matrix[np.flatnonzero(keep)])]
        self._row_lower, self._row_upper = self._row_lower[keep], self._row_upper[keep]
        self._row_cut = self._row_cut[keep]
        self._active.keep(keep)
        if self._solver is not None:
            self._solver.delete_rows(rows)

    def add_vertex(self, index: int, k: int, vertex: Vertex) -> bool:
        """Add the recourse at a vertex of support point k once; return whether it was missing."""
        if (index, k, vertex.key) in self._copied:
            return False
        self._copied.add((index, k, vertex.key))
        weights = np.zeros(k + 1)
        weights[k] = 1.0
        self.add_copy(index, vertex, weights)
        return True

    def add_copy(self, index: int, vertex: Vertex, weights: Vector) -> None:
        """Add the recourse at a vertex with columns of its own: weights'θ ≥ q'y."""
        program = self.blocks[index].program
        recourse, rows = program.recourse, program.second_rows
        call = program.call_map(vertex.pattern)
        none = np.zeros(recourse.size)
        y = self._add_columns(none, recourse.lower, recourse.upper, recourse.integer)
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
        start = len(self._row_lower)
        self._tie_rows = np.append(self._tie_rows, np.arange(start, start + len(first)))
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
        if kinds.any():
            self._solver = None
        if self._solver is not None and len(cost):
            self._solver.add_columns(cost, lower, upper)
        return np.arange(start, start + len(cost))

    def _add_rows(
        self,
        parts: list[tuple[Positions, sp.csr_array]],
        lower: Vector,
        upper: Vector,
        tags: np.ndarray | None = None,
    ) -> None:
        if not len(lower):
            return
        matrix = _spread(parts, len(lower), len(self._cost))
        self._rows.append(matrix)
        self._row_lower = np.concatenate([self._row_lower, lower])
        self._row_upper = np.concatenate([self._row_upper, upper])
        tags = np.full((len(lower), 2), -1, dtype=np.intp) if tags is None else tags
        self._row_cut = np.concatenate([self._row_cut, tags])
        self._active.append(tags[:, 0] >= 0)
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
        if not hessian.nnz:
            return self._point(self._warm().solve(time_limit), 0.0)
        program = self.linear_program()
        shifted = replace(program, cost=program.cost + shift)
        solution = self._active.solve(shifted, hessian, self._scale(proximal), time_limit)
        return self._point(solution, constant)

    def solve_within(self, reach: float, time_limit: float = np.inf) -> MasterPoint:
        """Solve with every column kept within ±`reach`; the point is no lower bound."""
        program = self.linear_program()
        bounded = replace(
            program, lower=np.maximum(program.lower, -reach), upper=np.minimum(program.upper, reach)
        )
        hessian = self.hessian()
        if hessian.nnz:
            solution = self._active.solve(bounded, hessian, self._scale(), time_limit)
        else:
            solution = PersistentProgram(bounded, self._integer).solve(time_limit)
        return self._point(replace(solution, bound=-np.inf), 0.0)

    def solve_fixed(self, point: MasterPoint) -> MasterPoint:
        """Solve with all integer columns fixed at a point: what its prices are."""
        program, fixed = self.linear_program(), np.round(point.solution.primal)
        kept = replace(
            program,
            lower=np.where(self._integer, fixed, program.lower),
            upper=np.where(self._integer, fixed, program.upper),
        )
        return self._point(solve_linear(kept), 0.0)

    def project(
        self, centres: Sequence[Proximal], level: float, time_limit: float = np.inf
    ) -> MasterPoint:
        """Nearest point to the centres at which the master's linear objective is at most `level`.

        The point's `objective` is half the squared distance, not a cost.
        """
        program = self.linear_program()
        size = len(program.cost)
        hessian, shift, constant = self._quadratic(centres, own=False)
        matrix, row_upper = program.matrix, program.row_upper
        row_lower = program.row_lower
        if np.isfinite(level):
            matrix = sp.csr_array(sp.vstack([matrix, program.cost.reshape(1, size)]))
            row_upper = np.concatenate([row_upper, [level]])
            row_lower = np.concatenate([row_lower, [-np.inf]])
        projection = LinearProgram(
            shift, program.lower, program.upper, matrix, row_lower, row_upper
        )
        solution = self._active.solve(projection, hessian, self._scale(centres), time_limit)
        return self._point(solution, constant)

    def distance(self, index: int, columns: Positions, values: Vector) -> tuple[float, Vector]:
        """1-norm distance of some first-stage columns' values to feasible ones, and its slope.

        Distance + slope'(z - values) ≤ 0 holds for every feasible z; infinite without any.
        """
        program, count = self.linear_program(), len(columns)
        size, pick = len(program.cost), sp.eye_array(count, format="csr")
        chosen = sp.csr_array(
            (np.ones(count), (np.arange(count), self._x[index][columns])), shape=(count, size)
        )
        tie = sp.hstack([chosen, -pick, pick])
        elastic = LinearProgram(
            np.concatenate([np.zeros(size), np.ones(2 * count)]),
            np.concatenate([program.lower, np.zeros(2 * count)]),
            np.concatenate([program.upper, np.full(2 * count, np.inf)]),
            sp.csr_array(sp.vstack([_widened(program.matrix, size + 2 * count), tie])),
            np.concatenate([program.row_lower, values]),
            np.concatenate([program.row_upper, values]),
        )
        solution = solve_linear(elastic)
        if solution.status is not SolveStatus.OPTIMAL:
            return np.inf, np.zeros(count)
        return solution.bound, solution.row_duals[-count:]

    def _scale(self, proximal: Sequence[Proximal] = ()) -> Scale:
        """Centres, and the size of values, measured by how steep cuts are; 1 for decisions."""
        near, unit = np.zeros(len(self._cost)), np.ones(len(self._cost))
        for term in proximal:
            near[self._x[term.block][term.columns]] = term.centre
        for index, pool in enumerate(self.pools):
            steepest = np.abs(pool.gradient).max(axis=1, initial=0.0)
            size = max(1.0, float(np.median(steepest))) if len(pool) else 1.0
            unit[self._static[index]] = unit[self._theta[index]] = size
        return Scale(near, unit)

    @property
    def has_integers(self) -> bool:
        """Whether a variable must be integer."""
        return bool(self._integer.any())

    @property
    def is_linear(self) -> bool:
        """Whether the master is a linear program: no integers, no quadratic cost of its own."""
        return not self.has_integers and not self.hessian().nnz

    def hessian(self) -> sp.csr_array:
        """Matrix of the master's own quadratic cost ½ z'hessian z."""
        return self._quadratic(())[0]

    def within_bounds(self, point: MasterPoint) -> MasterPoint:
        """Clip x to its bounds and round its integers, off by a solver's tolerance."""
        clipped = tuple(
            np.clip(
                np.where(self._integer[columns], np.round(x), x),
                self._lower[columns],
                self._upper[columns],
            )
            for x, columns in zip(point.x, self._x, strict=True)
        )
        return replace(point, x=clipped)

    def reduced_costs(self, index: int, columns: Positions, point: MasterPoint) -> Vector:
        """Reduced costs of some first-stage columns at a solution."""
        return np.asarray(point.solution.reduced_costs[self._x[index][columns]])

    def tie_duals(self, index: int, columns: Positions, point: MasterPoint) -> Vector:
        """Sum of the duals of the tie rows that hold some first-stage columns of a block.

        Positive where the block would pay for a larger value.
        """
        duals = np.zeros(len(self._row_lower))
        duals[self._tie_rows] = point.solution.row_duals[self._tie_rows]
        return np.asarray((self.linear_program().matrix.T @ duals)[self._x[index][columns]])

    def first_row_duals(self, index: int, point: MasterPoint) -> Vector:
        """Duals of a block's first-stage rows at a solution."""
        start = self._first_rows[index]
        return np.asarray(
            point.solution.row_duals[start : start + self.blocks[index].program.first_rows.size]
        )

    def _warm(self) -> PersistentProgram:
        if self._solver is None:
            self._solver = PersistentProgram(self.linear_program(), self._integer)
        return self._solver

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

    def _quadratic(
        self, proximal: Sequence[Proximal], own: bool = True
    ) -> tuple[sp.csr_array, Vector, float]:
        size = len(self._cost)
        none = np.zeros(0, dtype=np.intp)
        rows, columns, values = [none], [none], [np.zeros(0)]
        for index, block in enumerate(self.blocks if own else ()):
            entries = sp.coo_array(block.program.quadratic)
            rows.append(self._x[index][entries.coords[0]])
            columns.append(self._x[index][entries.coords[1]])
            values.append(entries.data)
        shift, constant = np.zeros(size), 0.0
        for term in proximal:
            positions = self._x[term.block][term.columns]
            rows.append(positions)
            columns.append(positions)
            values.append(np.broadcast_to(term.weight, len(positions)))
            shift[positions] -= term.weight * term.centre
            constant += 0.5 * float(term.centre @ (term.weight * term.centre))
        triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        return sp.csr_array(triplets, shape=(size, size)), shift, constant

    def linear_program(self) -> LinearProgram:
        """Columns and rows as they stand, without quadratic costs and integrality."""
        size = len(self._cost)
        widened = [_widened(chunk, size) for chunk in self._rows]
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


def _widened(matrix: sp.csr_array, columns: int) -> sp.csr_array:
    """Matrix with empty columns appended."""
    wide = matrix.copy()
    wide.resize((matrix.shape[0], columns))
    return wide


def _spread(parts: list[tuple[Positions, sp.csr_array]], rows: int, width: int) -> sp.csr_array:
    at_row, at_column, values = [], [], []
    for columns, matrix in parts:
        entries = sp.coo_array(matrix)
        at_row.append(entries.coords[0])
        at_column.append(np.asarray(columns)[entries.coords[1]])
        values.append(entries.data)
    entries = (np.concatenate(values), (np.concatenate(at_row), np.concatenate(at_column)))
    return sp.csr_array(entries, shape=(rows, width))
