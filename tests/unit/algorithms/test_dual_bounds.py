"""Dual bounds hold for at least one optimal dual, and rows without one are named."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from ambigrid.algorithms.dual_bounds import DualBounds, dual_bounds
from ambigrid.cases import load_case
from ambigrid.engines import LinearProgram, SolveStatus, solve_linear
from ambigrid.errors import InputError
from ambigrid.program import TwoStageProgram
from ambigrid.studies.ev_flexibility import EVFlexibility

inf = np.inf


def program_of(W, cost, sense="<", lower=0.0, upper=inf, rhs=None) -> TwoStageProgram:
    W = np.atleast_2d(np.asarray(W, dtype=float))
    m, n = W.shape
    return TwoStageProgram.from_matrices(
        cost=[0.0], recourse_cost=cost, W=W, T=np.zeros((m, 1)), sense=sense,
        h=np.zeros(m) if rhs is None else rhs, H=-np.eye(m),
        recourse_lower=np.broadcast_to(lower, n), recourse_upper=np.broadcast_to(upper, n),
    )  # fmt: skip


def random_program(seed: int) -> TwoStageProgram:
    """Sparse, all senses and kinds of columns; feasible at its own right-hand side; bounded."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 6), rng.integers(1, 8)
    W = np.round(rng.normal(size=(m, n)), 2) * (rng.random((m, n)) < 0.5)
    sense = rng.choice(["<", "=", ">"], m)
    kind = rng.integers(0, 5, n)  # both, below, above, none, fixed
    lower = np.where(np.isin(kind, (0, 1, 4)), np.round(rng.normal(size=n), 1), -inf)
    upper = np.where(kind == 2, 1.0, np.where(kind == 0, lower + 1.5, inf))
    upper = np.where(kind == 4, lower, upper)
    pi = np.abs(rng.normal(size=m)) * np.select([sense == "<", sense == ">"], [-1, 1], 1)
    slack = np.abs(rng.normal(size=n)) * rng.integers(0, 2, n)
    away = np.select([kind == 1, kind == 2, kind == 3], [slack, -slack, 0], rng.normal(size=n))
    y = np.clip(rng.normal(size=n), lower, upper)
    room = np.abs(rng.normal(size=m)) * np.select([sense == "<", sense == ">"], [1, -1], 0)
    return program_of(W, W.T @ pi + away, list(sense), lower, upper, W @ y + room)


def recourse_value(program: TwoStageProgram, rhs: np.ndarray) -> float:
    columns, rows = program.recourse, program.second_rows
    linear = LinearProgram(columns.cost, columns.lower, columns.upper, program.W, *rows.bounds(rhs))
    solution = solve_linear(linear)
    return solution.objective if solution.status is SolveStatus.OPTIMAL else inf


def bounded_dual_value(program: TwoStageProgram, bounds: DualBounds, rhs: np.ndarray) -> float:
    """max π'rhs + l'μ⁻ − u'μ⁺ with W'π + μ⁻ − μ⁺ = q and π between its bounds."""
    columns, n = program.recourse, program.recourse.size
    sense, identity = program.second_rows.sense, sp.eye_array(n)
    low, high = columns.lower, columns.upper
    ends = [np.where(np.isfinite(end), end, 0.0) for end in (low, high)]
    lowest = np.maximum(bounds.lower, np.where(sense == ">", 0, -inf))
    linear = LinearProgram(
        np.concatenate([-rhs, -ends[0], ends[1]]),
        np.concatenate([lowest, np.zeros(2 * n)]),
        np.concatenate([
            np.minimum(bounds.upper, np.where(sense == "<", 0, inf)),
            np.where(np.isfinite(low), inf, 0.0), np.where(np.isfinite(high), inf, 0.0),
        ]),
        sp.csr_array(sp.hstack([program.W.T, identity, -identity])),
        columns.cost, columns.cost,
    )  # fmt: skip
    solution = solve_linear(linear)
    return -solution.objective if solution.status is SolveStatus.OPTIMAL else inf


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**20), st.floats(0.0, 2.0))
def test_some_optimal_dual_obeys_all_bounds(seed, spread):
    program = random_program(seed)
    rng = np.random.default_rng(seed + 1)
    rhs = program.second_rows.rhs + np.round(spread * rng.normal(size=program.second_rows.size), 2)
    bounds = dual_bounds(program)
    value = recourse_value(program, rhs)
    restricted = bounded_dual_value(program, bounds, rhs)
    if np.isfinite(value):
        assert restricted == pytest.approx(value, rel=1e-6, abs=1e-6)
    else:
        falls_short = (rhs < bounds.least_rhs - 1e-9) | (rhs > bounds.greatest_rhs + 1e-9)
        assert np.isinf(restricted) or falls_short.any()


def test_sign_and_price_of_a_violation():
    bounds = dual_bounds(program_of([[1.0, -1.0]], [2.0, 7.0]))
    assert (bounds.lower[0], bounds.upper[0]) == (-7.0, 0.0)
    bounds = dual_bounds(program_of([[4.0, -1.0]], [2.0, 7.0], "="))
    assert (bounds.lower[0], bounds.upper[0]) == (-7.0, 0.5)
    assert np.isinf(bounds.least_rhs).all()


def test_bounds_travel_along_columns():
    # row 0 has its own violations at 5; column 2 links it to row 1, which has none
    bounds = dual_bounds(program_of([[1, -1, 2, 0], [0, 0, -1, 1]], [5, 5, 1, 3], "="))
    assert bounds.lower[1] == -2 * 5 - 1
    assert bounds.upper[1] == 3


def test_available_power_is_worth_at_least_what_its_use_saves():
    # used + curtailed = ξ, used + up - down = load
    W = [[1, 1, 0, 0], [1, 0, 1, -1]]
    bounds = dual_bounds(program_of(W, [0.0, 20.0, 100.0, 80.0], "="))
    assert (bounds.lower[0], bounds.upper[0]) == (-100.0, 20.0)
    assert bounds.least_rhs[0] == 0.0


def test_bound_by_dominance_knows_where_the_row_cannot_hold():
    program = program_of([[1.0, 1.0]], [1.0, 2.0], "=")
    bounds = dual_bounds(program)
    assert (bounds.lower[0], bounds.upper[0]) == (1.0, 1.0)
    assert recourse_value(program, np.array([-1.0])) == inf
    assert bounds.least_rhs[0] == 0.0


def test_row_without_bound_is_named():
    program = program_of([[1.0], [1.0]], [2.0], "=")
    with pytest.raises(InputError, match=r"second\[.*=1\]: the price .* got \[-inf, inf\]\. Add"):
        dual_bounds(program).of_combinations(program, sp.csr_array([[0.0, 1.0]]))


def test_combinations_of_rows():
    program = program_of([[1, -1, 0, 0], [0, 0, 1, -1]], [1, 2, 3, 4], "=")
    low, high = dual_bounds(program).of_combinations(program, sp.csr_array([[2.0, -1.0]]))
    assert (low[0], high[0]) == (2 * -2 - 3, 2 * 1 + 4)


@pytest.fixture(scope="module")
def feeder() -> TwoStageProgram:
    return EVFlexibility(load_case("t30d2")).agents()["distribution_1"].program


def test_prices_of_the_ev_study(feeder):
    bounds = dual_bounds(feeder)
    case = load_case("t30d2")
    price = float(case["distribution_1/boundary_violation_cost"]) * case.attrs["step_hours"]
    curtailment = float(case["distribution_1/curtailment_cost"]) * case.attrs["step_hours"]
    labels = feeder.second_rows.labels
    boundary, available = (
        labels.positions(n) for n in ("boundary_exchange", "renewable_available")
    )
    assert bounds.lower[boundary] == pytest.approx(-price)
    assert bounds.upper[boundary] == pytest.approx(price)
    assert bounds.upper[available] == pytest.approx(curtailment)
    assert np.isfinite(bounds.lower[available]).all()
    assert bounds.least_rhs[available] == pytest.approx(0.0)


def test_optimal_duals_of_the_ev_study(feeder):
    rng = np.random.default_rng(0)
    x = feeder.first_stage.lower + rng.random(feeder.first_stage.size) * (
        np.minimum(feeder.first_stage.upper, 1.0) - feeder.first_stage.lower
    )
    pattern = rng.choice([-1, 1], feeder.adversarial.size).astype(np.int8)
    outcome = rng.random(feeder.uncertain.size)
    rhs = feeder.recourse_rhs(x, feeder.call(x, pattern), outcome)
    value = recourse_value(feeder, rhs)
    restricted = bounded_dual_value(feeder, dual_bounds(feeder), rhs)
    assert restricted == pytest.approx(value, rel=1e-6)
