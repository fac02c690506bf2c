"""Programs with rows outside the solver: the answer of the whole program, primal and dual."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from ambigrid.algorithms.lazy_program import LazyProgram
from ambigrid.engines import LinearProgram, SolveStatus, solve_linear


def program_with_many_rows(rng, columns=6):
    """Few equalities, single-column rows, and many inequalities, of which few are binding."""
    dense = rng.normal(size=(40, columns)).round(1)
    single = np.zeros((4, columns))
    single[np.arange(4), rng.integers(0, columns, 4)] = rng.choice([-1.0, 2.0], 4)
    equal = rng.normal(size=(2, columns)).round(1)
    matrix = np.vstack([dense, single, equal])
    inside = rng.uniform(0.5, 1.5, columns)
    activity = matrix @ inside
    below, above = activity - rng.uniform(0, 4, 46), activity + rng.uniform(0, 4, 46)
    is_upper = rng.random(46) < 0.5
    lower, upper = np.where(is_upper, -np.inf, below), np.where(is_upper, above, np.inf)
    lower[-2:] = upper[-2:] = activity[-2:]
    free = np.full(columns, np.inf)
    return LinearProgram(
        rng.normal(size=columns), -free, free, sp.csr_array(matrix), lower, upper
    ), inside  # fmt: skip


def moved(program, rng, inside):
    """Sides that leave some point feasible."""
    activity = program.matrix @ (inside + rng.normal(scale=0.5, size=len(inside)))
    room = rng.uniform(0, 4, len(activity))
    equal = program.row_lower == program.row_upper
    lower = np.where(np.isfinite(program.row_lower), activity - room * ~equal, -np.inf)
    upper = np.where(np.isfinite(program.row_upper), activity + room * ~equal, np.inf)
    return lower, upper


@pytest.mark.parametrize("seed", range(20))
def test_answers_of_the_whole_program_whatever_the_sides(seed):
    rng = np.random.default_rng(seed)
    program, inside = program_with_many_rows(rng)
    lazy = LazyProgram(program)
    for _ in range(6):
        lower, upper = moved(program, rng, inside)
        whole = replace(program, row_lower=lower, row_upper=upper)
        found, expected = lazy.solve(lower, upper), solve_linear(whole)
        assert found.status is expected.status
        if expected.status is SolveStatus.OPTIMAL:
            assert found.objective == pytest.approx(expected.objective, rel=1e-7, abs=1e-7)
            check_optimal(whole, found)


@pytest.mark.parametrize("seed", range(5))
def test_a_twin_gives_the_same_answers_and_leaves_its_model_alone(seed):
    rng = np.random.default_rng(seed)
    program, inside = program_with_many_rows(rng)
    model = LazyProgram(program)
    early = model.twin()
    for twin in (early, model.twin(), model):
        for _ in range(3):
            lower, upper = moved(program, rng, inside)
            found = twin.solve(lower, upper)
            expected = solve_linear(replace(program, row_lower=lower, row_upper=upper))
            assert found.status is expected.status
            if expected.status is SolveStatus.OPTIMAL:
                assert found.objective == pytest.approx(expected.objective, rel=1e-7, abs=1e-7)


def check_optimal(program, found):
    """Primal and dual feasible, and nothing between them."""
    activity = program.matrix @ found.primal
    assert (activity >= program.row_lower - 1e-6).all()
    assert (activity <= program.row_upper + 1e-6).all()
    stationary = program.cost - program.matrix.T @ found.row_duals - found.reduced_costs
    assert stationary == pytest.approx(0.0, abs=1e-6)
    slack = np.where(
        found.row_duals > 0, activity - program.row_lower, program.row_upper - activity
    )
    assert np.where(found.row_duals == 0, 0.0, slack) == pytest.approx(0.0, abs=1e-6)


def test_rows_that_no_solution_violates_stay_outside():
    count = 50
    matrix = sp.csr_array(np.column_stack([np.ones(count), np.arange(count)]))
    program = LinearProgram(
        np.ones(2), np.zeros(2), np.full(2, 9.0), matrix,
        np.full(count, -np.inf), np.full(count, 1e3),
    )  # fmt: skip
    lazy = LazyProgram(program)
    assert lazy.solve(program.row_lower, program.row_upper).objective == 0.0
    assert lazy._solver.shape == (0, 2)
    tight = lazy.solve(program.row_lower, np.full(count, -1.0))
    assert tight.status is SolveStatus.INFEASIBLE
