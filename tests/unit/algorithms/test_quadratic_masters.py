"""What quadratic masters say when their interior-point method does not end with an optimum."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

import ambigrid as ag
from ambigrid.algorithms import active_rows
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.master import Master, Proximal
from ambigrid.engines import LinearProgram, SolveStatus, clarabel, solve_quadratic
from ambigrid.testing import random_program


def test_too_few_iterations_are_an_error_after_every_attempt(monkeypatch):
    settings, tried = clarabel._settings, []

    def short(*given):
        tried.append(given)
        made = settings(*given)
        made.max_iter = 1
        return made

    monkeypatch.setattr(clarabel, "_settings", short)
    rows = sp.csr_array(np.ones((1, 2)))
    program = LinearProgram(
        np.array([1.0, -2.0]), np.zeros(2), np.full(2, 3.0), rows, np.ones(1), np.full(1, 4.0)
    )
    solution = solve_quadratic(program, sp.csr_array(np.eye(2)))
    assert solution.status is SolveStatus.ERROR
    assert len(tried) == len(clarabel._ATTEMPTS)


def make_master(lower=0.0):
    program = random_program(1)
    rows = sp.csr_array(np.eye(1, program.first_stage.size))
    first_rows = ag.TwoStageProgram.from_matrices(
        cost=program.first_stage.cost, recourse_cost=program.recourse.cost, W=program.W,
        T=program.T, H=program.H, h=program.second_rows.rhs, A=rows, b=[lower],
        first_sense=">", upper=1.0,
    )  # fmt: skip
    return Master([Block("program", first_rows, ag.Nominal(np.zeros(program.uncertain.size)))])


def hold(master):
    size = master.blocks[0].program.first_stage.size
    return [Proximal(0, np.arange(size), np.zeros(size), 1.0)]


@pytest.mark.parametrize(
    "solve",
    [
        lambda master: master.solve(hold(master)),
        lambda master: master.project(hold(master), np.inf),
    ],
    ids=["solve", "project"],
)
def test_nobody_is_called_infeasible_on_an_interior_point_method_s_word(monkeypatch, solve):
    honest = active_rows.solve_quadratic

    def wrong(*given):
        return replace(honest(*given), status=SolveStatus.INFEASIBLE)

    assert solve(make_master()).status is SolveStatus.OPTIMAL
    assert solve(make_master(lower=2.0)).status is SolveStatus.INFEASIBLE
    monkeypatch.setattr(active_rows, "solve_quadratic", wrong)
    assert solve(make_master()).status is SolveStatus.ERROR
    assert solve(make_master(lower=2.0)).status is SolveStatus.INFEASIBLE
