"""RSOME's event-wise affine rules on the same ball: never below our exact value.

RSOME (Chen, Sim, Xiong 2020) restricts the recourse to functions affine in ξ and in the distance
moved, one for every sample: an upper bound on the exact worst case, equal on the newsvendor,
where V has one kink. Source of the formulation: RSOME's documentation of ``dro`` models.
"""

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.testing import ProgramShape, random_program, random_samples

dro = pytest.importorskip("rsome.dro", reason="RSOME is not installed (extra test)")
rsome = pytest.importorskip("rsome")
solver = pytest.importorskip("rsome.lpg_solver")

LOWER, UPPER = -1.5, 1.5


def event_wise_affine(program, samples, weights, radius, norm):
    """Worst-case cost under RSOME's rules, on the same box and ball."""
    count, size = samples.shape
    model = dro.Model(count)
    xi, moved = model.rvar(size), model.rvar()
    ball = model.ambiguity()
    for s in range(count):
        distance = rsome.norm(xi - samples[s], 1 if norm == 1 else np.inf)
        ball[s].suppset(xi >= LOWER, xi <= UPPER, distance <= moved)
    ball.exptset(rsome.E(moved) <= radius)
    ball.probset(model.p == weights)
    x, y = model.dvar(program.first_stage.size), model.dvar(program.recourse.size)
    for s in range(count):
        y.adapt(s)
    y.adapt(xi)
    y.adapt(moved)
    model.minsup(program.first_stage.cost @ x + rsome.E(program.recourse.cost @ y), ball)
    model.st(*rows(program.A.toarray() @ x, program.first_rows))
    T, W, H = (matrix.toarray() for matrix in (program.T, program.W, program.H))
    model.st(*rows(T @ x + W @ y + H @ xi, program.second_rows))
    model.st(*bounds(x, program.first_stage), *bounds(y, program.recourse))
    model.solve(solver, display=False)
    return model.get()


def rows(activity, side):
    assert len(set(side.sense)) == 1
    return [activity <= side.rhs] if side.sense[0] == "<" else [activity >= side.rhs]


def bounds(variable, columns):
    limited = np.flatnonzero(np.isfinite(columns.upper))
    limits = [variable >= columns.lower]
    if len(limited):
        limits.append(variable[limited] <= columns.upper[limited])
    return limits


def exact(program, samples, weights, radius, norm):
    ball = ag.Wasserstein(
        samples, weights, radius=radius, norm=norm, support="box", lower=LOWER, upper=UPPER
    )
    return ag.robustify(program, ambiguity=ball).solve().objective


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("seed", range(5))
def test_affine_rules_are_never_below_the_exact_value(seed, norm):
    program = random_program(seed, ProgramShape())
    samples, weights = random_samples(seed, 3, 2)
    ours = exact(program, samples, weights, 0.3, norm)
    theirs = event_wise_affine(program, samples, weights, 0.3, norm)
    assert theirs >= ours - 1e-6 * max(1.0, abs(ours))
    assert theirs <= ours + 0.2 * max(1.0, abs(ours))


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("radius", [0.0, 0.1, 0.5])
def test_equal_on_the_newsvendor(radius, norm):
    program = ag.TwoStageProgram.from_matrices(
        cost=[1.0], upper=[3.0], recourse_cost=[4.0, 0.5], T=[[1.0], [-1.0]],
        W=[[1.0, 0.0], [0.0, 1.0]], H=[[-1.0], [1.0]], h=[1.5, -1.5], sense=">",
        A=[[1.0]], b=[3.0],
    )  # fmt: skip
    samples, weights = random_samples(1, 5, 1)
    ours = exact(program, samples, weights, radius, norm)
    theirs = event_wise_affine(program, samples, weights, radius, norm)
    assert theirs == pytest.approx(ours, rel=1e-6)
