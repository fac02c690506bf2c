"""Cut sharing where it is tempted to go wrong: noisy separations, hasty searches, prices."""

from dataclasses import replace

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.coordination.bundle import Bundle
from ambigrid.coordination.problem import SharedVariables
from small_teams import SmallStudy, joint_optimum, random_study, with_rows


def rowed_study(seed):
    """Agents whose rows, in units from 0.01 to 100, leave a thin set of shared values."""
    study, rng, team = random_study(seed, adversaries=False), np.random.default_rng(seed), {}
    for name, agent in study.team.items():
        units = 10.0 ** rng.integers(-2, 3)
        rows = np.round(rng.normal(size=(4, 4)), 2) * units
        rhs = rows @ rng.uniform(0, 2, 4) + rng.uniform(0, 0.3, 4) * np.abs(rows).max()
        team[name] = replace(agent, program=with_rows(agent.program, rows, rhs))
    return SmallStudy(team, study.coupled)


@pytest.mark.parametrize("seed", [2, 4, 7, 8, 9, 21])
def test_separations_never_cut_off_the_optimum(seed):
    study = rowed_study(seed)
    optimum = joint_optimum(study)[1]
    result = ag.solve(study, ag.CutSharing(), gap=2e-3, certify=False, time_limit=60)
    assert result.status is ag.Status.CONVERGED
    assert result.bound <= optimum + 1e-6 * max(1.0, abs(optimum))
    assert result.objective >= optimum - 1e-6 * max(1.0, abs(optimum))


@pytest.mark.parametrize("seed", [5, 102, 103, 126, 127, 130])
def test_a_cost_that_was_searched_too_hastily_is_asked_for_again(seed):
    study = random_study(seed)
    optimum = joint_optimum(study)[1]
    result = ag.solve(study, ag.CutSharing(iterations=60), gap=2e-3)
    assert result.status is ag.Status.OPTIMAL
    assert result.bound <= optimum + 1e-5 * max(1.0, abs(optimum))
    assert result.objective >= optimum - 1e-5 * max(1.0, abs(optimum))


def test_prices_are_those_of_the_centralised_solution(template):
    study = ag.EVFlexibility(template)
    ours, reference = (
        ag.solve(study, method, gap=1e-4, certify=False)
        for method in (ag.CutSharing(), ag.Centralized())
    )
    feeder, price = study.distributions[0], "boundary_reserve_up_price"
    prices = [result.tree[f"shared/{feeder}"][price] for result in (ours, reference)]
    np.testing.assert_allclose(*prices, rtol=0.05)


def test_a_bundle_of_two_lines():
    """max(1 - z, 0) and 2 z over [0, 1]: least sum 1 at 0, where the prices balance."""
    study = random_study(11, adversaries=False)
    names = list(study.team)[:2]
    first = next(c for c in study.coupled if set(names) <= set(c.columns))
    shared = SharedVariables(names, [replace(first, members=tuple(names))])
    size = shared.size
    bundle = Bundle(shared, (np.zeros(size), np.ones(size)))
    slope = np.eye(size)[0]
    bundle.add_cost(names[0], -slope, 1.0)
    bundle.add_cost(names[0], 0.0 * slope, 0.0)
    bundle.add_cost(names[1], 2.0 * slope, 0.0)
    lowest = bundle.lowest()
    assert lowest.objective == pytest.approx(1.0)
    prices = bundle.prices(lowest.row_duals)
    assert prices[names[0]] + prices[names[1]] == pytest.approx(0.0)
    at_level = bundle.level_point(np.eye(size)[0], 1.5, 1.0)
    assert at_level.values[0] == pytest.approx(0.5, abs=1e-6)
