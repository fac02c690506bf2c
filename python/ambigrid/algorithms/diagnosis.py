"""Why a program has no solution: which constraints, by label, by how much, in which scenario.

    1. first-stage rows alone            min Σ violations  s.t.  A x ± violation {≤,=,≥} b
    2. with the recourse of one scenario, one after the other
    3. with the recourse of all scenarios

A linear program with violations as variables tells the least total violation (an "elastic"
program; Chinneck and Dravnieks, *ORSA Journal on Computing* 3(2), 1991). Bounds of variables are
kept; the first step with a violation is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.algorithms.recourse import Vertex
from ambigrid.engines import LinearProgram, MixedInteger, solve_linear, solve_mixed_integer
from ambigrid.labels import Labels, Vector
from ambigrid.program import Rows, TwoStageProgram

_TOLERANCE = 1e-6
"""Violations below this are rounding, relative to 1 + |right-hand side|."""

_SHOWN = 5
"""Rows named in the text."""


@dataclass(frozen=True)
class Diagnosis:
    """The constraints that cannot hold together.

    Attributes
    ----------
    rows : tuple of (str, float)
        Label of a constraint (or variable, where its bounds contradict each other) and the
        amount by which it must be violated, in its own unit, largest first; with several
        scenarios the label ends in the scenario's name.
    scenario : str or None
        Name of the scenario; None where the first stage alone, or only several scenarios
        together, cannot be satisfied.
    text : str
        The same as a sentence.
    """

    rows: tuple[tuple[str, float], ...]
    scenario: str | None
    text: str


def diagnose(
    program: TwoStageProgram, scenarios: Sequence[tuple[str, Vertex]] = ()
) -> Diagnosis | None:
    """Find constraints of a program that cannot hold together.

    Parameters
    ----------
    program : TwoStageProgram
    scenarios : sequence of (name, Vertex)
        Outcomes and call patterns for which there must be a recourse.

    Returns
    -------
    Diagnosis or None
        None where the first stage and the recourse of all scenarios can hold together.
    """
    if (crossed := _crossed_bounds(program)) is not None:
        return crossed
    if rows := _violations(program, ()):
        return _told(rows, None, "The first-stage constraints cannot hold together")
    for name, vertex in scenarios:
        if rows := _violations(program, (("", vertex),)):
            start = f"In scenario {name} the constraints cannot hold, whatever the first stage"
            return _told(rows, name, start)
    if len(scenarios) > 1 and (rows := _violations(program, scenarios)):
        start = "Every scenario has a first stage that suits it, but none suits them all"
        return _told(rows, None, start)
    return None


def _crossed_bounds(program: TwoStageProgram) -> Diagnosis | None:
    rows: list[tuple[str, float]] = []
    for columns in (program.first_stage, program.recourse):
        gap = columns.lower - columns.upper
        rows += _listed(columns.labels, gap, np.abs(columns.lower), "")
    if not rows:
        return None
    return _told(_largest_first(rows), None, "Lower bounds of variables exceed their upper bounds")


def _violations(
    program: TwoStageProgram, scenarios: Sequence[tuple[str, Vertex]]
) -> tuple[tuple[str, float], ...]:
    """Violated rows of the least total violation, largest first; first-stage rows hold if any."""
    elastic = _Elastic(program)
    if scenarios:
        elastic.add_rows(program.A, program.first_rows)
        for name, vertex in scenarios:
            elastic.add_recourse(vertex, f" in scenario {name}" if name else "")
    else:
        elastic.add_elastic_rows(program.A, program.first_rows, "")
    return elastic.solve()


class _Elastic:
    """Columns x, then for every scenario y, then the violations above and below."""

    def __init__(self, program: TwoStageProgram) -> None:
        self._program = program
        first = program.first_stage
        self._lower, self._upper = [first.lower], [first.upper]
        self._cost = [np.zeros(first.size)]
        self._blocks: list[sp.csr_array] = []
        self._sides: list[tuple[Vector, Vector]] = []
        self._named: list[tuple[int, Rows, Vector, str]] = []
        self._width = first.size

    def add_rows(self, matrix: sp.csr_array, rows: Rows, rhs: Vector | None = None) -> None:
        """Append rows over the columns there are."""
        self._blocks.append(matrix.copy())
        self._sides.append(rows.bounds(rhs))

    def add_elastic_rows(
        self, matrix: sp.csr_array, rows: Rows, suffix: str, rhs: Vector | None = None
    ) -> None:
        """Append rows with violations that cost their amount."""
        count = rows.size
        one = sp.eye_array(count)
        wide = matrix.copy()
        wide.resize((count, self._width))
        self._named.append((self._width, rows, rows.rhs if rhs is None else rhs, suffix))
        self._add_columns(np.ones(2 * count), np.zeros(2 * count), np.full(2 * count, np.inf))
        self.add_rows(sp.csr_array(sp.hstack([wide, one, -one])), rows, rhs)

    def add_recourse(self, vertex: Vertex, suffix: str) -> None:
        """Append y and the rows of one scenario."""
        program = self._program
        call = program.call_map(vertex.pattern)
        rhs = program.second_rows.rhs - program.H @ vertex.outcome - program.D @ call.constant
        on_x = sp.csr_array(program.T + program.D @ call.matrix)
        on_x.resize((on_x.shape[0], self._width))
        columns = program.recourse
        self._add_columns(np.zeros(columns.size), columns.lower, columns.upper)
        matrix = sp.csr_array(sp.hstack([on_x, program.W]))
        self.add_elastic_rows(matrix, program.second_rows, suffix, np.asarray(rhs))

    def solve(self) -> tuple[tuple[str, float], ...]:
        """Violated rows by label."""
        for block in self._blocks:
            block.resize((block.shape[0], self._width))
        linear = LinearProgram(
            np.concatenate(self._cost),
            np.concatenate(self._lower),
            np.concatenate(self._upper),
            sp.csr_array(sp.vstack(self._blocks)),
            np.concatenate([low for low, _ in self._sides]),
            np.concatenate([high for _, high in self._sides]),
        )
        primal = self._solved(linear)
        rows: list[tuple[str, float]] = []
        for start, group, rhs, suffix in self._named:
            above, below = np.split(primal[start : start + 2 * group.size], 2)
            rows += _listed(group.labels, above + below, np.abs(rhs), suffix)
        return _largest_first(rows)

    def _solved(self, linear: LinearProgram) -> Vector:
        integer = np.zeros(self._width, dtype=bool)
        integer[: self._program.first_stage.size] = self._program.first_stage.integer
        if not integer.any():
            return solve_linear(linear).primal
        return solve_mixed_integer(MixedInteger(linear, integer), absolute_gap=_TOLERANCE).primal

    def _add_columns(self, cost: Vector, lower: Vector, upper: Vector) -> None:
        self._cost.append(cost)
        self._lower.append(lower)
        self._upper.append(upper)
        self._width += len(cost)


def _listed(labels: Labels, amounts: Vector, scale: Vector, suffix: str) -> list[tuple[str, float]]:
    positions = np.flatnonzero(amounts > _TOLERANCE * (1.0 + scale))
    return [(labels.describe(int(i)) + suffix, float(amounts[i])) for i in positions]


def _largest_first(rows: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(rows, key=lambda row: -row[1]))


def _told(rows: tuple[tuple[str, float], ...], scenario: str | None, start: str) -> Diagnosis:
    listed = "; ".join(f"{label} by {amount:.4g}" for label, amount in rows[:_SHOWN])
    more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    text = f"{start}. The least violation that makes room: {listed}{more}."
    return Diagnosis(rows, scenario, text)
