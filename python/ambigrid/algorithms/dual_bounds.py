"""Bounds on the dual π of the recourse rows, derived from the prices of the program.

    V = min q'y,  W y + slack = b,  l ≤ y ≤ u        reduced cost of y_j:  q_j − W_j'π
    g(π) = b'π + Σ_j min_{l_j ≤ y_j ≤ u_j} (q_j − W_j'π) y_j         dual: maximise g

A slack is a column too: entry +1 or −1, price 0, in [0, ∞). Two rules give every bound, for each
row i from bounds [L, U] of the other rows. For an entry w of column j in row i let its breakpoint
be the π_i at which the reduced cost of j is zero, known to lie in an interval as the others do.

*Price.* Where y_j is unbounded above, W_j'π ≤ q_j for every dual solution, and π_i lies on one
side of the breakpoint; ≥ where it is unbounded below. This holds the sign of a row (its slack),
a column that stands in no other row (a priced violation), and chains of them.

*Dominance.* Where no column bounds π_i from below, the least activity a_i of row i over l ≤ y ≤ u
is finite, and π_i may be taken no lower than the least breakpoint. Proof: below all breakpoints
every column of the row sits at the end that gives its least activity, so ∂g/∂π_i = b_i − a_i,
which is at least zero wherever the row can hold at all. Raising π_i alone up to the least
breakpoint therefore lowers g nowhere and leaves all other rows where they are. So if some
optimal dual obeys all bounds found before, some optimal dual obeys this one as well, and by
induction one obeys all of them. From above, the same with the greatest activity. Such a bound
rests on b_i ≥ a_i: `DualBounds` keeps a_i, and where b_i falls short the row cannot hold and V is
infinite. If all those hold, the argument also shows that an unbounded g stays unbounded.

An example of dominance is ``used + curtailed = ξ`` with both non-negative: more ξ could be
curtailed, so π is at most the price of curtailment, and at least what makes use worthwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram

_SWEEPS = 30
"""Sweeps after which bounds are taken as they are; every sweep's bounds hold."""


@dataclass(frozen=True)
class DualBounds:
    """Bounds that at least one optimal dual obeys at every (x, δ, ξ) with a recourse.

    Attributes
    ----------
    lower, upper : array (m,)
        In units of the objective per unit of the row; infinite where there is none.
    least_rhs, greatest_rhs : array (m,)
        Range of the right-hand side left for y outside which the row cannot hold and V is
        infinite; infinite for rows whose bounds do not rest on it.
    """

    lower: Vector
    upper: Vector
    least_rhs: Vector
    greatest_rhs: Vector

    def of_combinations(
        self, program: TwoStageProgram, matrix: sp.csr_array
    ) -> tuple[Vector, Vector]:
        """Bounds of ``matrix @ π``.

        Parameters
        ----------
        program : TwoStageProgram
            Whose rows these are.
        matrix : sparse array (k, m)

        Raises
        ------
        InputError
            If a row with a coefficient has no finite bound; it is named.
        """
        entries = sp.coo_array(matrix)
        row = entries.coords[1]
        unbounded = ~(np.isfinite(self.lower[row]) & np.isfinite(self.upper[row]))
        if unbounded.any():
            raise self._unbounded(program, int(row[unbounded][0]))
        at_lower, at_upper = entries.data * self.lower[row], entries.data * self.upper[row]
        count = matrix.shape[0]
        return (
            _summed(entries.coords[0], np.minimum(at_lower, at_upper), count),
            _summed(entries.coords[0], np.maximum(at_lower, at_upper), count),
        )

    def _unbounded(self, program: TwoStageProgram, row: int) -> InputError:
        return InputError(
            "the price of this row has no finite bound, so its worst case cannot be certified",
            where=program.second_rows.labels.describe(row),
            got=f"[{self.lower[row]:g}, {self.upper[row]:g}]",
            fix="add a recourse variable with a cost that may violate the row",
        )


def dual_bounds(program: TwoStageProgram) -> DualBounds:
    """Derive bounds on the duals of all second-stage rows.

    Parameters
    ----------
    program : TwoStageProgram

    Returns
    -------
    DualBounds
        Of the duals π with V = b'π + …, b = h − T x − D δ − H ξ.
    """
    entries = _Entries(program)
    size = program.second_rows.size
    lower, upper = np.full(size, -np.inf), np.full(size, np.inf)
    for _ in range(_SWEEPS):
        low, high = entries.breakpoints(lower, upper)
        new_lower = np.maximum(lower, entries.lower_bounds(low))
        new_upper = np.maximum(np.minimum(upper, entries.upper_bounds(high)), new_lower)
        settled = _same(new_lower, lower) and _same(new_upper, upper)
        lower, upper = new_lower, new_upper
        if settled:
            break
    least, greatest = entries.activities()
    return DualBounds(
        lower,
        upper,
        np.where(entries.below | ~np.isfinite(lower), -np.inf, least),
        np.where(entries.above | ~np.isfinite(upper), np.inf, greatest),
    )


class _Entries:
    """The non-zeros of [W, slacks], and which of them bound their row's dual from a side."""

    def __init__(self, program: TwoStageProgram) -> None:
        rows, columns = program.second_rows, program.recourse
        inequality = np.flatnonzero(rows.sense != "=")
        signs = np.where(rows.sense[inequality] == "<", 1.0, -1.0)
        slacks = sp.csr_array(
            (signs, (inequality, np.arange(len(inequality)))), (rows.size, len(inequality))
        )
        matrix = sp.coo_array(sp.hstack([program.W, slacks]))
        zeros = np.zeros(len(inequality))
        cost = np.concatenate([columns.cost, zeros])
        least = np.concatenate([columns.lower, zeros])
        most = np.concatenate([columns.upper, zeros + np.inf])
        self.size, self.columns = rows.size, len(cost)
        used = matrix.data != 0.0
        self.row, self.column = matrix.coords[0][used], matrix.coords[1][used]
        self.weight = matrix.data[used]
        self.cost = cost[self.column]
        self.least, self.most = least[self.column], most[self.column]
        self.fixed = self.least == self.most
        grows = self.weight > 0
        self.bounds_below = np.isinf(np.where(grows, self.least, self.most))
        self.bounds_above = np.isinf(np.where(grows, self.most, self.least))
        self.below = self._any(self.bounds_below)
        self.above = self._any(self.bounds_above)

    def breakpoints(self, lower: Vector, upper: Vector) -> tuple[Vector, Vector]:
        """Interval of every entry's breakpoint for duals in [lower, upper]."""
        ends = self.weight * lower[self.row], self.weight * upper[self.row]
        others_least = self._others(np.minimum(*ends), -np.inf)
        others_most = self._others(np.maximum(*ends), np.inf)
        first = (self.cost - others_most) / self.weight
        second = (self.cost - others_least) / self.weight
        return np.minimum(first, second), np.maximum(first, second)

    def lower_bounds(self, low: Vector) -> Vector:
        """Bound every row's dual from below by price, else by dominance."""
        priced = self._reduce(np.maximum, np.where(self.bounds_below, low, -np.inf), -np.inf)
        dominance = self._reduce(np.minimum, np.where(self.fixed, np.inf, low), np.inf)
        dominance[np.isinf(dominance)] = -np.inf
        return np.where(self.below, priced, dominance)

    def upper_bounds(self, high: Vector) -> Vector:
        """Bound every row's dual from above by price, else by dominance."""
        priced = self._reduce(np.minimum, np.where(self.bounds_above, high, np.inf), np.inf)
        dominance = self._reduce(np.maximum, np.where(self.fixed, -np.inf, high), -np.inf)
        dominance[np.isinf(dominance)] = np.inf
        return np.where(self.above, priced, dominance)

    def activities(self) -> tuple[Vector, Vector]:
        """Least and greatest activity of every row, slack included."""
        ends = self.weight * self.least, self.weight * self.most
        return (
            _summed(self.row, np.minimum(*ends), self.size),
            _summed(self.row, np.maximum(*ends), self.size),
        )

    def _others(self, values: Vector, infinity: float) -> Vector:
        """Sum of `values` over the other entries of each entry's column."""
        infinite = np.isinf(values)
        finite = np.where(infinite, 0.0, values)
        total = np.bincount(self.column, finite, self.columns)[self.column] - finite
        unknown = np.bincount(self.column, infinite, self.columns)[self.column] - infinite
        return np.where(unknown > 0, infinity, total)

    def _reduce(self, ufunc: np.ufunc, values: Vector, start: float) -> Vector:
        result = np.full(self.size, start)
        ufunc.at(result, self.row, values)
        return result

    def _any(self, mask: np.ndarray) -> np.ndarray:
        return np.bincount(self.row, mask, self.size) > 0


def _summed(places: np.ndarray, values: Vector, size: int) -> Vector:
    return np.asarray(np.bincount(places, values, size), dtype=float)


def _same(new: Vector, old: Vector) -> bool:
    return bool(np.allclose(new, old, rtol=1e-6, atol=0.0))
