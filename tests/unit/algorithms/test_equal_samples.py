"""Equal samples: every set and method treats two of them as one of their joint weight."""

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.master import Master
from ambigrid.testing import ProgramShape, random_program

SAMPLES = np.array([[0.9, -0.4], [0.9, -0.4], [-0.6, 0.5], [0.9, -0.4]])
WEIGHTS = np.array([0.2, 0.3, 0.35, 0.15])
ONCE, SUMMED = SAMPLES[[0, 2]], np.array([0.65, 0.35])
BOX = {"support": "box", "lower": -1.0, "upper": 1.2}
METHODS = (ag.Extensive(), ag.Benders(), ag.Benders(level=None), ag.ColumnConstraint())
SETS = {
    "empirical": (ag.Empirical, {}),
    "samples, 1-norm": (ag.Wasserstein, {"radius": 0.2, "norm": 1}),
    "samples, max-norm": (ag.Wasserstein, {"radius": 0.2}),
    "box, 1-norm": (ag.Wasserstein, {"radius": 0.2, "norm": 1, **BOX}),
    "box, max-norm": (ag.Wasserstein, {"radius": 0.2, **BOX}),
}


@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("name", SETS)
def test_equal_samples_are_one_sample_of_their_joint_weight(name, method, calls):
    make, parameters = SETS[name]
    program = random_program(3, ProgramShape(adversarial=calls))
    twins, single = (
        ag.robustify(program, ambiguity=make(samples, weights, **parameters)).solve(method)
        for samples, weights in ((SAMPLES, WEIGHTS), (ONCE, SUMMED))
    )
    assert twins.status is ag.Status.OPTIMAL
    for value in (twins.objective, twins.bound):
        assert value == pytest.approx(single.objective, rel=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_given_distances_may_tell_equal_samples_apart(method):
    """Mass goes to the nearer of two equal samples."""
    program = random_program(3, ProgramShape())
    far = np.array([[0.0, 9.0, 9.0], [9.0, 0.0, 0.3], [9.0, 0.3, 0.0]])
    near = np.array([[0.0, 0.3], [0.3, 0.0]])
    weights = np.array([0.0, 0.5, 0.5])
    twins = ag.Wasserstein(SAMPLES[:3], weights, radius=0.1, distances=far)
    single = ag.Wasserstein(ONCE, weights[1:], radius=0.1, distances=near)
    values = [ag.robustify(program, ambiguity=ball).solve(method) for ball in (twins, single)]
    assert values[0].status is ag.Status.OPTIMAL
    assert values[0].objective == pytest.approx(values[1].objective, rel=1e-6)


def test_the_worst_case_keeps_every_scenario():
    program = random_program(3, ProgramShape())
    worst = ag.robustify(program, ambiguity=ag.Empirical(SAMPLES, WEIGHTS)).solve().worst_case
    assert worst["support"].values.tolist() == [0, 1, 2, 3]
    assert worst["weight"].values == pytest.approx(WEIGHTS)
    assert worst["probability"].values == pytest.approx(WEIGHTS)
    assert worst["value"].values[[1, 3]] == pytest.approx(worst["value"].values[0])


def test_an_equivalent_that_misses_a_sample_does_not_claim_convergence(monkeypatch):
    first = Block.support_numbers
    monkeypatch.setattr(Block, "support_numbers", lambda *given: first(*given)[:1])
    block = Block("program", random_program(3), ag.Empirical(SAMPLES, WEIGHTS))
    incumbent = ag.Extensive().run(Master([block]))
    assert incumbent.upper > incumbent.lower + 1e-3
    assert incumbent.status is ag.Status.ERROR
