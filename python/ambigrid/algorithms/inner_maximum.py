"""The inner maximisation as a mixed-integer program over duals, and its upper bounds.

    max_z V(x, δ_z, ξ_z) − penalty_z = max_{π, z} π'b + bounds of y − penalty_z,
        b = b_0 − Σ_c v_c(z) a_c,  W_j'π {≤,=,≥} q_j

A coordinate c (of δ or ξ) that may take values v_0 < v_1 < … adds v_k − v_{k−1} for every binary
w_k with w_1 ≥ w_2 ≥ …; the other coordinates are part of b_0. With r_c = −a_c'π, known to lie in
[lo, hi] by `dual_bounds`, the product s = r w of a step, whose factor v_k − v_{k−1} is positive,
needs its upper side only (McCormick 1976):

    s ≤ hi w,     s ≤ r − lo (1 − w)

Coordinates that cannot move at x have no binary, such as calls in hours without a reserve; those
that could change the objective by a tenth of the tolerance in all are fixed too, and the change
is added to the bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.choices import Choices, choices_at
from ambigrid.algorithms.dual_bounds import dual_bounds
from ambigrid.algorithms.recourse import Vertex
from ambigrid.engines import (
    LinearProgram,
    MixedInteger,
    Solution,
    SolveStatus,
    solve_linear,
    solve_mixed_integer,
)
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations import Search


@dataclass(frozen=True)
class UpperBound:
    """What is known of an inner maximum from above.

    Attributes
    ----------
    value : float
        Upper bound on the maximum, in the unit of the objective.
    vertex : Vertex or None
        Best vertex found on the way.
    closed : bool
        Whether the bound is within the gap that was asked for.
    """

    value: float
    vertex: Vertex | None
    closed: bool


class InnerMaximum:
    """Upper bounds on inner maxima of one program; what x and ξ do not change is built once.

    Parameters
    ----------
    program : TwoStageProgram

    Raises
    ------
    InputError
        If recourse variables are integer.
    """

    def __init__(self, program: TwoStageProgram) -> None:
        if program.recourse.integer.any():
            raise InputError(
                "the worst case of a program with integer recourse cannot be certified",
                where=program.recourse.labels.describe(int(np.argmax(program.recourse.integer))),
                fix="use Extensive with a finite support",
            )
        self._program = program
        self.bounds = dual_bounds(program)
        self._dual = _DualProgram(program)
        self._D, self._H = sp.csr_array(-program.D.T), sp.csr_array(-program.H.T)

    def relaxation(self, x: Vector, search: Search) -> float:
        """Cheap upper bound: the linear relaxation.

        Raises
        ------
        InputError
            As `solve`.
        """
        choices = choices_at(self._program, search, x)
        program = self._mixed(x, search, choices)
        if program is None:
            return np.inf
        return self._value(solve_linear(program.relaxation), search, choices)

    def solve(
        self,
        x: Vector,
        search: Search,
        start: Vertex | None = None,
        *,
        gap: float = 1e-6,
        time_limit: float = np.inf,
    ) -> UpperBound:
        """Bound the maximum from above, exactly up to `gap`.

        Parameters
        ----------
        x : array (n_x,)
        search : Search
        start : Vertex, optional
            A good vertex, such as the fast search's.
        gap : float
            Absolute gap at which to stop, in the unit of the objective.
        time_limit : float
            Seconds.

        Raises
        ------
        InputError
            If the dual of a row with a moving coordinate has no finite bound.
        """
        choices = choices_at(self._program, search, x)
        choices, trifles = choices.without_trifles(self._largest_prices(choices), gap / 10)
        program = self._mixed(x, search, choices)
        if program is None:
            return UpperBound(np.inf, None, False)
        if start is not None:
            program = MixedInteger(program.relaxation, program.integer, self._point(choices, start))
        solution = solve_mixed_integer(
            program, absolute_gap=0.9 * gap, time_limit=time_limit, heuristics=start is None
        )
        vertex = None
        if np.isfinite(solution.objective) and len(solution.primal):
            vertex = self._vertex(choices, search, solution.primal[program.integer] > 0.5)
        value = self._value(solution, search, choices) + trifles
        return UpperBound(value, vertex, solution.status is SolveStatus.OPTIMAL)

    def _value(self, solution: Solution, search: Search, choices: Choices) -> float:
        known = (SolveStatus.OPTIMAL, SolveStatus.TIME_LIMIT)
        bound = solution.bound if solution.status in known else -np.inf
        first = sum(float(choice.penalties[0]) for choice in choices.all)
        return float(self._dual.constant - search.offset - first - bound)

    def _largest_prices(self, choices: Choices) -> tuple[Vector, Vector]:
        """Largest |r_c| of every coordinate that may move; 0 for the others."""
        prices = []
        for group, matrix in ((choices.calls, self._D), (choices.outcomes, self._H)):
            price = np.zeros(len(group))
            moving = np.array([c for c, choice in enumerate(group) if choice.steps], dtype=np.intp)
            columns = np.array([group[c].column for c in moving], dtype=np.intp)
            low, high = self.bounds.of_combinations(self._program, sp.csr_array(matrix[columns]))
            price[moving] = np.maximum(np.abs(low), np.abs(high))
            prices.append(price)
        return prices[0], prices[1]

    def _mixed(self, x: Vector, search: Search, choices: Choices) -> MixedInteger | None:
        """Return the program that is minimised, or None where V may be infinite."""
        call, outcome = np.zeros(self._program.adversarial.size), search.outcome.copy()
        for choice in choices.calls:
            call[choice.column] = choice.values[0]
        for choice in choices.outcomes:
            outcome[choice.column] = choice.values[0]
        rhs = self._program.recourse_rhs(x, call, outcome)
        of_calls, of_outcomes = choices.step_columns
        prices = sp.csr_array(sp.vstack([self._D[of_calls], self._H[of_outcomes]]))
        if not self._rows_can_hold(rhs, prices, choices.steps("values")):
            return None
        relaxation = self._dual.with_products(
            rhs, prices, self.bounds.of_combinations(self._program, prices), choices
        )
        integer = np.zeros(len(relaxation.cost), dtype=bool)
        integer[len(integer) - prices.shape[0] :] = True
        return MixedInteger(relaxation, integer)

    def _rows_can_hold(self, rhs: Vector, prices: sp.csr_array, rise: Vector) -> bool:
        """Whether every row on which a bound rests can hold at every choice."""
        change = sp.coo_array(sp.diags_array(rise) @ prices)
        row, size = change.coords[1], len(rhs)
        least = rhs + np.bincount(row, np.minimum(change.data, 0.0), size)
        most = rhs + np.bincount(row, np.maximum(change.data, 0.0), size)
        slack = 1e-7 * (1.0 + np.abs(rhs))
        above = least >= self.bounds.least_rhs - slack
        return bool((above & (most <= self.bounds.greatest_rhs + slack)).all())

    def _point(self, choices: Choices, vertex: Vertex) -> Vector:
        """Binaries of a vertex, at the end of a vector of all columns."""
        options = [
            int(np.argmax(choice.signs == vertex.pattern[choice.column]))
            for choice in choices.calls
        ]
        options += [
            int(np.argmin(np.abs(choice.values - vertex.outcome[choice.column])))
            for choice in choices.outcomes
        ]
        taken = [
            np.arange(choice.steps) < option
            for choice, option in zip(choices.all, options, strict=True)
        ]
        binaries = np.concatenate([np.zeros(0), *taken])
        return np.concatenate([np.zeros(self._dual.width + len(binaries)), binaries])

    def _vertex(self, choices: Choices, search: Search, binaries: np.ndarray) -> Vertex:
        pattern = np.zeros(self._program.adversarial.size, dtype=np.int8)
        outcome = search.outcome.copy()
        parts = np.split(binaries, np.cumsum([choice.steps for choice in choices.all])[:-1])
        taken = [int(part.sum()) for part in parts] if choices.all else []
        for choice, option in zip(choices.calls, taken[: len(choices.calls)], strict=True):
            pattern[choice.column] = choice.signs[option]
        for choice, option in zip(choices.outcomes, taken[len(choices.calls) :], strict=True):
            outcome[choice.column] = choice.values[option]
        return Vertex(outcome, pattern)


class _DualProgram:
    """max π'b + reference'(q − W'π) − width'μ over dual-feasible π and μ ≥ 0 of boxed columns.

    `reference` is a finite bound of every column, or 0; columns with two bounds have a μ.
    """

    def __init__(self, program: TwoStageProgram) -> None:
        columns, sense = program.recourse, program.second_rows.sense
        has_lower, has_upper = np.isfinite(columns.lower), np.isfinite(columns.upper)
        fixed = columns.lower == columns.upper
        reference = np.where(has_lower, columns.lower, np.where(has_upper, columns.upper, 0.0))
        boxed = np.flatnonzero(has_lower & has_upper & ~fixed)
        self._range = (columns.upper - columns.lower)[boxed]
        relief = sp.csr_array(
            (-np.ones(len(boxed)), (boxed, np.arange(len(boxed)))), (columns.size, len(boxed))
        )
        kept = np.flatnonzero(~fixed)
        self._matrix = sp.csr_array(sp.csr_array(sp.hstack([program.W.T, relief]))[kept])
        self._row_lower = np.where(has_lower, -np.inf, columns.cost)[kept]
        self._row_upper = np.where(has_upper & ~has_lower, np.inf, columns.cost)[kept]
        zeros = np.zeros(len(boxed))
        self._lower = np.concatenate([np.where(sense == ">", 0.0, -np.inf), zeros])
        self._upper = np.concatenate([np.where(sense == "<", 0.0, np.inf), zeros + np.inf])
        self.constant = float(reference @ columns.cost)
        self._shift = program.W @ reference

    @property
    def width(self) -> int:
        """Number of π and μ."""
        return len(self._lower)

    def with_products(
        self,
        rhs: Vector,
        prices: sp.csr_array,
        bounds: tuple[Vector, Vector],
        choices: Choices,
    ) -> LinearProgram:
        """Columns (π, μ, s, w) and all rows; the negative objective, less `constant`."""
        count = prices.shape[0]
        low, high = bounds
        one = sp.eye_array(count, format="csr")
        limits, most = choices.budgets()
        chained = np.flatnonzero(choices.follows)
        order = sp.csr_array(one[chained] - one[chained - 1])
        dual, on_products = self._matrix.copy(), prices.copy()
        dual.resize((dual.shape[0], self.width))
        on_products.resize((count, self.width))
        matrix = sp.block_array(
            [
                [dual, sp.csr_array((dual.shape[0], count)), None],
                [None, one, -sp.diags_array(high)],
                [-on_products, one, -sp.diags_array(low)],
                [None, None, sp.vstack([order, sp.csr_array(limits)])],
            ]
        )
        row_upper = [self._row_upper, np.zeros(count), -low, np.zeros(len(chained)), most]
        others = np.full(2 * count + len(chained) + len(most), -np.inf)
        cost = [self._shift - rhs, self._range, -choices.steps("values")]
        free = np.full(count, np.inf)
        return LinearProgram(
            np.concatenate([*cost, choices.steps("penalties")]),
            np.concatenate([self._lower, -free, np.zeros(count)]),
            np.concatenate([self._upper, free, np.ones(count)]),
            sp.csr_array(matrix),
            np.concatenate([self._row_lower, others]),
            np.concatenate(row_upper),
        )
