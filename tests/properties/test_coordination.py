"""Every method of coordination against one joint program, on random small teams."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ambigrid as ag
from ambigrid.coordination.agents import Agent
from ambigrid.testing import ProgramShape, random_program
from small_teams import SmallStudy, coupling, joint_optimum, random_study, with_rows

RUNS = settings(max_examples=5, deadline=None)  # the same ones in CI, others elsewhere
SEEDS = st.integers(0, 2**16)
GAP = 2e-3
METHODS = {
    "centralized": ag.Centralized(),
    "cut sharing": ag.CutSharing(),
    "fixed penalty": ag.ADMM(penalty=1.0, relaxation=1.0),
    "over-relaxed": ag.ADMM(penalty=1.0, relaxation=1.6),
    "adaptive": ag.ADMM(penalty=0.5, adaptive=True),
    "until agreed": ag.ADMM(penalty=1.0, until_agreed=True, residual=0.02),
}


def solve(study, method, **options):
    return ag.solve(study, method, **{"gap": GAP, "threads": 1, "certify": False, **options})


def check_bounds(result, optimum, tolerance=1e-6, *, exact=True):
    """All bounds of the log hold; those above only where searches are exact or it is proved."""
    scale = tolerance * max(1.0, abs(optimum))
    assert (result.history["lower_bound"] <= optimum + scale).all()
    assert result.bound <= optimum + scale
    if exact:
        assert (result.history["upper_bound"] >= optimum - scale).all()
    if exact or result.certified:
        assert result.objective >= optimum - scale
    finished = range(1, result.attribute("iterations") + 1)
    assert result.history["iteration"].values.tolist() == list(finished)


@RUNS
@given(SEEDS)
def test_centralized_is_the_joint_optimum(seed):
    study = random_study(seed)
    optimum = joint_optimum(study)[1]
    result = solve(study, ag.Centralized(), gap=1e-7)
    scale = max(1.0, abs(optimum))
    assert result.objective == pytest.approx(optimum, abs=1e-6 * scale)
    assert result.bound == pytest.approx(optimum, abs=1e-6 * scale)
    assert sum(result.agents.values()) == pytest.approx(optimum, abs=1e-6 * scale)
    check_agreement(study, result)


def check_agreement(study, result):
    """What every agent does is the shared value, and costs what it says."""
    for shared in study.coupled:
        owner, name = shared.name.split("/")
        agreed = result.shared[owner][name].values
        for agent, columns in shared.columns.items():
            labels = study.team[agent].program.first_stage.labels
            x = vector(labels, result.dispatch[agent].to_dataset())
            assert x[columns] == pytest.approx(agreed, abs=1e-6)


def vector(labels, dataset):
    return np.concatenate([dataset[block.name].to_numpy().ravel() for block in labels.blocks])


@settings(RUNS, max_examples=25)
@given(SEEDS, st.sampled_from(list(METHODS)))
def test_bounds_enclose_the_joint_optimum_and_close(seed, name):
    study = random_study(seed, adversaries=False)
    optimum = joint_optimum(study)[1]
    result = solve(study, METHODS[name])
    check_bounds(result, optimum)
    assert result.status is ag.Status.CONVERGED
    assert result.gap <= GAP
    check_agreement(study, result)


@RUNS
@given(SEEDS, st.sampled_from([name for name in METHODS if name != "until agreed"]))
def test_certified_results_are_optimal_and_their_bounds_hold(seed, name):
    study = random_study(seed)
    result = solve(study, METHODS[name], certify=True)
    assert result.status is ag.Status.OPTIMAL
    assert result.certified
    assert result.gap <= GAP
    check_bounds(result, joint_optimum(study)[1], exact=False)
    check_agreement(study, result)


@RUNS
@given(SEEDS, st.sampled_from([name for name in METHODS if name != "adaptive"]))
def test_quadratic_costs(seed, name):
    study = random_study(seed, adversaries=False, quadratic=True)
    result = solve(study, METHODS[name])
    assert result.status is ag.Status.CONVERGED
    check_bounds(result, joint_optimum(study)[1], tolerance=1e-5)


@RUNS
@given(SEEDS)
def test_cut_sharing_separates_exchanges_that_an_agent_cannot_carry_out(seed):
    """Rows, not bounds, keep the second agent from most of what the first one wants."""
    study = random_study(seed, adversaries=False)
    last = list(study.team)[-1]
    rows = np.array([[1.0, 2.0, 0.0, 0.0], [-1.0, 1.0, 1.0, 0.0], [-2.0, -1.0, 0.0, 0.0]])
    program = with_rows(study.team[last].program, rows, [0.9, 0.1, -0.4])
    agent = replace(study.team[last], program=program)
    study = SmallStudy({**study.team, last: agent}, study.coupled)
    optimum = joint_optimum(study)[1]
    for method in (ag.CutSharing(), ag.ADMM(penalty=1.0, adaptive=True)):
        result = solve(study, method)
        assert result.status is ag.Status.CONVERGED
        check_bounds(result, optimum)


@RUNS
@given(SEEDS)
def test_feasibility_cuts_of_agents_without_complete_recourse(seed):
    study = random_study(seed, adversaries=False, complete_recourse=False)
    status, optimum = joint_optimum(study)
    for method in (ag.Centralized(), ag.CutSharing()):
        result = solve(study, method)
        assert result.status is status
        if status is ag.Status.CONVERGED:
            check_bounds(result, optimum)


def limited_study(*limits):
    """Two agents; the shared value lies within the limits of both."""
    study, team = random_study(11, adversaries=False), {}
    for name, (lower, upper) in zip(list(study.team)[:2], limits, strict=True):
        rows = np.array([[-1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
        program = with_rows(study.team[name].program, rows, [-lower, upper])
        team[name] = replace(study.team[name], program=program)
    return SmallStudy(team, [coupling("agent_1/common", 1, agent_0=[0], agent_1=[0])])


@pytest.mark.parametrize("method", [ag.Centralized(), ag.CutSharing(), ag.ADMM(iterations=12)])
def test_agents_that_cannot_agree(method):
    result = solve(limited_study((0.9, 1.5), (0.2, 0.6)), method)
    if isinstance(method, ag.ADMM):  # proposals never meet, and no finite number of them proves it
        assert result.status is ag.Status.ITERATION_LIMIT
    else:
        assert result.status is ag.Status.INFEASIBLE
        assert "none that suits the others" in result.attribute("message")
    assert result.objective == np.inf
    assert "dispatch" not in result.tree.children


@pytest.mark.parametrize("method", [ag.Centralized(), ag.CutSharing(), ag.ADMM()])
def test_an_agent_without_a_solution_is_named_with_its_rows(method):
    result = solve(limited_study((0.2, 0.6), (0.9, 0.5)), method)
    assert result.status is ag.Status.INFEASIBLE
    assert result.attribute("message").startswith("agent_1: The first-stage constraints cannot")
    assert "0.4" in result.attribute("message")


def test_prices_are_the_marginal_cost_to_the_owner():
    """½z² against ½(z - 1)²: half each; one more unit costs the owner a half."""
    parts = {"recourse_cost": [1.0], "W": [[1.0]], "T": [[0.0]], "h": [1.0], "H": [[0.0]]}
    nobody = ag.Empirical(np.zeros((1, 1)))
    team = {
        f"agent_{k}": Agent(
            f"agent_{k}",
            "agent",
            ag.TwoStageProgram.from_matrices(
                cost=[-1.0 + k], quadratic=[[1.0]], lower=-5.0, upper=5.0, **parts
            ),
            nobody,
        )
        for k in range(2)
    }
    study = SmallStudy(team, [coupling("agent_1/common", 1, agent_0=[0], agent_1=[0])])
    for method in (ag.ADMM(penalty=1.0), ag.CutSharing(), ag.Centralized()):
        result = solve(study, method, gap=1e-6)
        assert float(result.shared["agent_1"]["common"][0]) == pytest.approx(0.5, abs=5e-3)
        assert float(result.shared["agent_1"]["common_price"][0]) == pytest.approx(0.5, abs=5e-3)


def integer_study():
    programs = [random_program(k, ProgramShape(integer=k == 1)) for k in range(2)]
    samples = ag.Empirical(np.array([[-0.5, 0.3], [0.4, 0.1]]))
    team = {f"agent_{k}": Agent(f"agent_{k}", "agent", p, samples) for k, p in enumerate(programs)}
    return SmallStudy(team, [coupling("agent_1/common", 1, agent_0=[0], agent_1=[0])])


@pytest.mark.parametrize("method", [ag.ADMM(), ag.CutSharing()])
def test_integers_are_refused_by_name(method):
    with pytest.raises(ag.InputError, match=r"agent_1, x.*=0.*integer.*Use Centralized") as caught:
        solve(integer_study(), method)
    assert "\n" not in str(caught.value)


def test_centralized_treats_integers():
    study = integer_study()
    result = solve(study, ag.Centralized(), gap=1e-6)
    assert result.objective == pytest.approx(joint_optimum(study)[1], abs=1e-5)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("iterations", [1, 3])
def test_the_iteration_limit_ends_with_bounds_that_hold(name, iterations):
    study = random_study(11, adversaries=False)
    result = solve(study, replace(METHODS[name], iterations=iterations), gap=1e-9)
    assert result.status is ag.Status.ITERATION_LIMIT
    assert result.attribute("iterations") == iterations
    check_bounds(result, joint_optimum(study)[1])


@pytest.mark.parametrize("name", METHODS)
def test_the_time_limit_ends_with_bounds_that_hold(name):
    study = random_study(11, adversaries=False)
    result = solve(study, METHODS[name], gap=1e-12, time_limit=1e-3)
    assert result.status is ag.Status.TIME_LIMIT
    check_bounds(result, joint_optimum(study)[1])


@pytest.mark.parametrize("method", [ag.ADMM(), ag.CutSharing(), ag.Centralized()])
def test_an_agent_that_shares_nothing_is_solved_along(method):
    study = random_study(5, adversaries=False)
    alone = Agent("alone", "agent", random_program(3), ag.Empirical(np.array([[-0.5, 0.3]])))
    study = SmallStudy({**study.team, "alone": alone}, study.coupled)
    result = solve(study, method)
    assert result.status is ag.Status.CONVERGED
    check_bounds(result, joint_optimum(study)[1])


@pytest.mark.parametrize("name", METHODS)
def test_runs_are_repeatable(name):
    """One thread, same input: the same log but for the times, and the same result."""
    first, second = (solve(random_study(23), METHODS[name]) for _ in range(2))
    assert first.objective == second.objective
    assert first.history.drop_vars("seconds").identical(second.history.drop_vars("seconds"))
    for agent in first.dispatch.children:
        assert first.dispatch[agent].to_dataset().identical(second.dispatch[agent].to_dataset())
