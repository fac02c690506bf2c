"""What every ambiguity set must do at its limits, on random programs with complete recourse."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ambigrid as ag
from ambigrid.testing import ProgramShape, outcome_samples, random_program, two_stage_programs

BOX = {"lower": -1.5, "upper": 1.5}
NORMS = st.sampled_from([1, "inf"])
RUNS = settings(max_examples=20, deadline=None, derandomize=True)
PROGRAMS = st.sampled_from(
    [
        ProgramShape(),
        ProgramShape(first_stage=3, rows=3, uncertain=3),
        ProgramShape(adversarial=2),
        ProgramShape(adversarial=3, budget=1),
    ]
).flatmap(lambda shape: st.tuples(two_stage_programs(shape), outcome_samples(shape.uncertain)))


def value(program, ambiguity):
    solution = ag.robustify(program, ambiguity=ambiguity).solve(ag.ColumnConstraint())
    assert solution.status is ag.Status.OPTIMAL
    return solution.objective


def close(value, rel=1e-6):
    return pytest.approx(value, rel=rel, abs=1e-6)


def at_most(low, high):
    return low <= high + 1e-6 * (1.0 + abs(high))


@RUNS
@given(PROGRAMS, NORMS, st.sampled_from(["samples", "box"]))
def test_radius_zero_is_the_sample_average(problem, norm, support):
    program, (samples, weights) = problem
    ends = BOX if support == "box" else {}
    ball = ag.Wasserstein(samples, weights, radius=0.0, norm=norm, support=support, **ends)
    assert value(program, ball) == close(value(program, ag.Empirical(samples, weights)))


@RUNS
@given(PROGRAMS, NORMS)
def test_large_radius_on_samples_is_the_worst_sample(problem, norm):
    """The worst sample: every weight may sit on any one of them."""
    program, (samples, weights) = problem
    ball = ag.Wasserstein(samples, weights, radius=1e3, norm=norm)
    apart = np.zeros((len(samples), len(samples)))
    free = ag.Wasserstein(samples, weights, radius=0.0, distances=apart)
    large = value(program, ball)
    assert large == close(value(program, free))
    for point in samples:
        assert at_most(value(program, ag.Nominal(point)), large)


@RUNS
@given(PROGRAMS, NORMS)
def test_large_radius_on_a_box_is_the_box(problem, norm):
    program, (samples, weights) = problem
    ball = ag.Wasserstein(samples, weights, radius=1e3, norm=norm, support="box", **BOX)
    assert value(program, ball) == close(value(program, ag.Box(**BOX)))


@RUNS
@given(PROGRAMS, NORMS, st.sampled_from(["samples", "box"]))
def test_cost_rises_with_the_radius(problem, norm, support):
    program, (samples, weights) = problem
    ends = BOX if support == "box" else {}
    costs = [
        value(
            program, ag.Wasserstein(samples, weights, radius=r, norm=norm, support=support, **ends)
        )
        for r in (0.0, 0.05, 0.3, 1.0)
    ]
    assert all(at_most(low, high) for low, high in pairwise(costs))


@RUNS
@given(PROGRAMS, NORMS, st.floats(0.01, 1.0))
def test_sets_are_nested(problem, norm, radius):
    program, (samples, weights) = problem
    ball = {"radius": radius, "norm": norm}
    costs = [
        value(program, ambiguity)
        for ambiguity in (
            ag.Nominal(weights @ samples),
            ag.Empirical(samples, weights),
            ag.Wasserstein(samples, weights, **ball),
            ag.Wasserstein(samples, weights, support="box", **ball, **BOX),
            ag.Box(**BOX),
        )
    ]
    assert all(at_most(low, high) for low, high in pairwise(costs))


@RUNS
@given(PROGRAMS)
def test_budget_of_a_box_from_nominal_to_the_whole(problem):
    program, (samples, weights) = problem
    nominal = weights @ samples
    size = samples.shape[1]
    costs = [value(program, ag.Box(**BOX, nominal=nominal, budget=k)) for k in range(size + 1)]
    assert costs[0] == close(value(program, ag.Nominal(nominal)))
    assert costs[-1] == close(value(program, ag.Box(**BOX, nominal=nominal)))
    assert all(at_most(low, high) for low, high in pairwise(costs))


@RUNS
@given(st.integers(0, 2**16), outcome_samples(2))
def test_budget_of_the_adversary_from_none_to_all(seed, drawn):
    """The boxes of `random_program` hold 0, so more calls never cost less."""
    program = random_program(seed, ProgramShape(adversarial=3, budget=0))
    costs = [value(replace(program, budget=k), ag.Empirical(*drawn)) for k in (0, 1, 2, 3, None)]
    assert all(at_most(low, high) for low, high in pairwise(costs[:4]))
    assert costs[3] == close(costs[4])
