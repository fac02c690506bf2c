"""Operating one day of a plan: with the whole day known, or hour by hour.

With the whole day known, the recourse is V(x, δ, ξ). Hour by hour, the same program is solved at
the start of every step t: ξ and δ are known up to t and at their expectation after it, what was
decided before t stays, and only the decisions of step t are carried out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ambigrid.algorithms.lazy_program import LazyProgram
from ambigrid.engines import LinearProgram, SolveStatus
from ambigrid.errors import InputError, SolverError
from ambigrid.labels import Labels, Vector
from ambigrid.program import TwoStageProgram


class DayProgram:
    """The recourse of one operator, kept in the solver from step to step and day to day.

    Parameters
    ----------
    program : TwoStageProgram
        With continuous recourse; every recourse, uncertain and adversarial variable has the dim
        `time`.
    x : array
        The plan.

    Raises
    ------
    InputError
        If a variable has no dim `time`.
    """

    def __init__(self, program: TwoStageProgram, x: Vector) -> None:
        self._program, self._x = program, x
        columns, rows = program.recourse, program.second_rows
        time = program.uncertain.blocks[0].template["time"].to_index()
        self.steps = len(time)
        self._step = steps_of(columns.labels, time)
        self._outcome_step = steps_of(program.uncertain, time)
        self._call_step = steps_of(program.adversarial, time)
        entries = program.W.tocoo()
        self._row_step = np.full(rows.size, -1)
        np.maximum.at(self._row_step, entries.row, self._step[entries.col])
        later = self._row_step[entries.row] > self._step[entries.col]
        self._states = np.unique(entries.col[later])
        self._solver = LazyProgram(self._linear_program())

    def whole_day(self, outcome: Vector, call: Vector) -> Vector:
        """Return the recourse y when the whole day of ξ and δ is known from the start.

        Raises
        ------
        SolverError
            If there is no optimal recourse.
        """
        return self._solve(outcome, call, 0, np.zeros(self._program.recourse.size))

    def hour_by_hour(self, outcome: Vector, call: Vector, expected: Vector) -> Vector:
        """Return the recourse y carried out when every step knows only the past.

        Parameters
        ----------
        outcome, call : array
            ξ and δ of the day; those of step t are revealed at its start.
        expected : array
            What later ξ are taken for; later δ are taken to be zero.

        Raises
        ------
        SolverError
            If there is no optimal recourse in some step.
        """
        done = np.zeros(self._program.recourse.size)
        for step in range(self.steps):
            seen = np.where(self._outcome_step <= step, outcome, expected)
            called = np.where(self._call_step <= step, call, 0.0)
            planned = self._solve(seen, called, step, done)
            now = self._step == step
            done[now] = planned[now]
        return done

    def cost(self, recourse: Vector) -> float:
        """Cost q'y, $."""
        return float(self._program.recourse.cost @ recourse)

    def _solve(self, outcome: Vector, call: Vector, step: int, done: Vector) -> Vector:
        columns = self._program.recourse
        rhs = self._program.recourse_rhs(self._x, call, outcome)
        lower, upper = self._program.second_rows.bounds(rhs)
        past = self._row_step < step
        lower[past], upper[past] = -np.inf, np.inf
        states = np.clip(done, columns.lower, columns.upper)[self._states]
        fixed = self._step[self._states] < step
        solution = self._solver.solve(
            np.concatenate([lower, np.where(fixed, states, -np.inf)]),
            np.concatenate([upper, np.where(fixed, states, np.inf)]),
        )
        if solution.status is not SolveStatus.OPTIMAL:
            raise SolverError(
                f"The redispatch from step {step} on ended with status {solution.status.value}: "
                "every outcome must leave a redispatch. Check that the plan is feasible."
            )
        return solution.primal

    def _linear_program(self) -> LinearProgram:
        """Recourse program with a row for every column that later rows look back at."""
        columns = self._program.recourse
        lower, upper = self._program.second_rows.bounds()
        holds = sp.eye_array(columns.size, format="csr")[self._states]
        return LinearProgram(
            columns.cost,
            columns.lower,
            columns.upper,
            sp.csr_array(sp.vstack([self._program.W, holds])),
            self._held(lower, fill=-np.inf),
            self._held(upper, fill=np.inf),
        )

    def _held(self, rows: Vector, fill: float) -> np.ndarray:
        return np.concatenate([rows, np.full(len(self._states), fill)])


def steps_of(labels: Labels, time: pd.Index) -> np.ndarray:
    """Return the number of the time step of every element.

    Raises
    ------
    InputError
        If a variable has no dim `time`, or a time that is none of `time`.
    """
    step = np.full(labels.size, -1)
    for block in labels.blocks:
        if "time" not in block.template.dims:
            raise InputError(
                "operating a day step by step needs the dim 'time' on every variable",
                where=block.name,
                got=", ".join(map(str, block.template.dims)) or "no dims",
                fix="give it the dim, or make it a first-stage variable",
            )
        along = block.template["time"].copy(
            data=time.get_indexer(block.template["time"].to_index())
        )
        exists = block.template.to_numpy() >= 0
        spread = along.broadcast_like(block.template).transpose(*block.template.dims)
        step[block.positions] = spread.to_numpy()[exists]
    return step
