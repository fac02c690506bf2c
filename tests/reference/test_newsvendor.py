"""The newsvendor, whose answers are known in closed form, and a toy solved by hand per set.

Order x at cost c before demand ξ is known; what is missing costs b, what is left over costs h:
V(x, ξ) = max(b (ξ - x), h (x - ξ)).
"""

import numpy as np
import pytest

import ambigrid as ag

COST, MISSING, LEFT = 1.0, 4.0, 0.5
DEMAND = np.array([3.0, 5.0, 6.0, 9.0, 12.0])
METHODS = (ag.Extensive(), ag.ColumnConstraint(), ag.Benders())


def newsvendor():
    return ag.TwoStageProgram.from_matrices(
        cost=[COST],
        recourse_cost=[MISSING, LEFT],
        T=[[1.0], [-1.0]],
        W=[[1.0, 0.0], [0.0, 1.0]],
        H=[[-1.0], [1.0]],
        h=[0.0, 0.0],
        sense=">",
    )


def recourse(x, demand):
    return np.maximum(MISSING * (demand - x), LEFT * (x - demand))


def expected(x, weights=None):
    return COST * x + np.average(recourse(x, DEMAND), weights=weights)


def solve(ambiguity, method):
    solution = ag.robustify(newsvendor(), ambiguity=ambiguity).solve(method)
    assert solution.status is ag.Status.OPTIMAL
    assert solution.certified
    assert solution.objective == pytest.approx(solution.bound, rel=1e-6)
    return solution


@pytest.fixture(params=METHODS, ids=lambda method: method.name)
def method(request):
    return request.param


def test_nominal_orders_the_demand(method):
    solution = solve(ag.Nominal(7.0), method)
    assert float(solution.first_stage["x"][0]) == pytest.approx(7.0)
    assert solution.objective == pytest.approx(COST * 7.0)


@pytest.mark.parametrize("weights", [None, [0.1, 0.4, 0.2, 0.2, 0.1]])
def test_empirical_orders_the_critical_quantile(method, weights):
    solution = solve(ag.Empirical(DEMAND[:, None], weights), method)
    level = (MISSING - COST) / (MISSING + LEFT)
    cumulative = np.cumsum(weights or np.full(5, 0.2))
    quantile = DEMAND[np.searchsorted(cumulative, level)]
    assert float(solution.first_stage["x"][0]) == pytest.approx(quantile)
    assert solution.objective == pytest.approx(expected(quantile, weights), rel=1e-8)


def test_box_balances_its_two_ends(method):
    low, high = 2.0, 10.0
    solution = solve(ag.Box(low, high), method)
    order = (MISSING * high + LEFT * low) / (MISSING + LEFT)
    assert float(solution.first_stage["x"][0]) == pytest.approx(order)
    assert solution.objective == pytest.approx(COST * order + MISSING * (high - order))


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("radius", [0.0, 0.3, 1.5])
def test_wasserstein_on_a_wide_box_adds_radius_times_slope(method, norm, radius):
    """sup E[V] = E[V] + radius max(b, h) on the line; here as far as mass finds room upwards."""
    ambiguity = ag.Wasserstein(
        DEMAND[:, None], radius=radius, norm=norm, support="box", lower=-50.0, upper=60.0
    )
    solution = solve(ambiguity, method)
    quantile = DEMAND[3]
    assert float(solution.first_stage["x"][0]) == pytest.approx(quantile, abs=1e-5)
    assert solution.objective == pytest.approx(expected(quantile) + radius * MISSING, rel=1e-7)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_wasserstein_on_two_samples_moves_mass_between_them(method, scale):
    """Mass radius / distance moves from the cheap sample to the dear one."""
    samples, radius = np.array([[4.0], [10.0]]), 0.9
    ambiguity = ag.Wasserstein(samples, [0.5, 0.5], radius=radius, scale=scale)
    solution = solve(ambiguity, method)
    moved = min(0.5, radius * scale / 6.0)
    order = np.linspace(4.0, 10.0, 601)
    low, high = recourse(order, 4.0), recourse(order, 10.0)
    worst = 0.5 * (low + high) + moved * np.abs(high - low)
    assert solution.objective == pytest.approx(np.min(COST * order + worst), rel=1e-3)
    x = float(solution.first_stage["x"][0])
    low, high = recourse(x, 4.0), recourse(x, 10.0)
    exact = COST * x + 0.5 * (low + high) + moved * abs(high - low)
    assert solution.objective == pytest.approx(exact, rel=1e-8)
    assert float(solution.worst_case["probability"].max()) <= 0.5 + moved + 1e-9


def test_wasserstein_with_distances_uses_them(method):
    """Without a way between the samples the ball holds only the samples' own law."""
    samples = np.array([[4.0], [10.0]])
    apart = np.array([[0.0, 1e9], [1e9, 0.0]])
    near = solve(ag.Wasserstein(samples, radius=1.0, distances=apart), method)
    own = solve(ag.Empirical(samples), method)
    assert near.objective == pytest.approx(own.objective, rel=1e-6)


def test_adversarial_call_is_priced_by_hand(method):
    """Selling reserve r earns 1; if called, δ ∈ [-r, 2r] must be met at 0.4 per unit: no profit
    above 1 / 0.8, so r is at its limit 5 and the worst call is 2r, cost 4."""
    program = ag.TwoStageProgram.from_matrices(
        cost=[-1.0],
        upper=[5.0],
        recourse_cost=[0.4, 0.1],
        T=[[0.0]],
        W=[[1.0, -1.0]],
        D=[[-1.0]],
        h=[0.0],
        sense="=",
        call_lower=([[-1.0]], [0.0]),
        call_upper=([[2.0]], [0.0]),
    )
    solution = ag.robustify(program, ambiguity=ag.Nominal(0.0)).solve(method)
    assert solution.objective == pytest.approx(-5.0 + 0.4 * 10.0)
    assert float(solution.worst_case["delta"][0, 0]) == pytest.approx(10.0)
    assert float(solution.recourse["y"][0, 0]) == pytest.approx(10.0)


def test_budget_of_a_box_by_hand(method):
    """Two demands of 1 ± 1 each, at most one above: 3 in all suffice."""
    program = ag.TwoStageProgram.from_matrices(
        cost=[1.0], recourse_cost=[10.0], T=[[1.0]], W=[[1.0]], H=[[-1.0, -1.0]], h=[0.0], sense=">"
    )
    ambiguity = ag.Box(lower=[0.0, 0.0], upper=[2.0, 2.0], budget=1)
    solution = ag.robustify(program, ambiguity=ambiguity).solve(method)
    assert solution.objective == pytest.approx(3.0)
