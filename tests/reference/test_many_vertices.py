"""Sets with too many vertices to list: closed forms, proved by the certificate."""

import numpy as np
import pytest

import ambigrid as ag

SIZE = 10


@pytest.fixture(scope="module")
def stock():
    """Order x at 2; ship y_j at 1 to meet demand j, at most x in all; a shortage costs 9."""
    ship = np.hstack([np.eye(SIZE), np.eye(SIZE)])
    total = np.hstack([np.ones((1, SIZE)), np.zeros((1, SIZE))])
    return ag.TwoStageProgram.from_matrices(
        cost=[2.0],
        recourse_cost=np.r_[np.ones(SIZE), np.full(SIZE, 9.0)],
        W=np.vstack([ship, total]),
        T=np.vstack([np.zeros((SIZE, 1)), [[-1.0]]]),
        H=np.vstack([-np.eye(SIZE), np.zeros((1, SIZE))]),
        h=np.zeros(SIZE + 1),
        sense=[">"] * SIZE + ["<"],
        upper=1000.0,
    )


@pytest.mark.parametrize("budget", [0, 1, 4, 9, 10, None])
@pytest.mark.parametrize("method", [ag.Benders(), ag.ColumnConstraint()], ids=lambda m: m.name)
def test_a_budget_limits_how_many_demands_are_high(stock, budget, method):
    box = ag.Box(lower=0.0, upper=10.0, nominal=5.0, budget=budget)
    solution = ag.robustify(stock, ambiguity=box).solve(method)
    high = SIZE if budget is None else budget
    worst_demand = 5.0 * SIZE + 5.0 * high
    assert solution.objective == pytest.approx(3.0 * worst_demand, rel=1e-6)
    assert solution.status == ag.Status.OPTIMAL
    assert solution.certified


def test_a_box_of_laws_lies_between_samples_and_the_box(stock):
    samples = np.random.default_rng(0).uniform(0, 10, (8, SIZE))
    sets = [
        ag.Empirical(samples),
        ag.Wasserstein(samples, radius=2.0, norm=1),
        ag.Wasserstein(samples, radius=2.0, norm=1, support="box", lower=0.0, upper=10.0),
        ag.Box(lower=0.0, upper=10.0),
    ]
    solved = [ag.robustify(stock, ambiguity=item).solve() for item in sets]
    assert all(solution.certified for solution in solved)
    costs = [solution.objective for solution in solved]
    assert costs == sorted(costs)
    # V rises at most by 9 per unit of demand: the ball's price is at most 9 times its radius.
    assert costs[2] <= costs[0] + 9.0 * 2.0 + 1e-6
