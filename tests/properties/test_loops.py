"""Every loop equals the deterministic equivalent, and its answer satisfies the KKT conditions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import ambigrid as ag
from ambigrid.algorithms.block import Block
from ambigrid.algorithms.loop import Decomposition
from ambigrid.algorithms.master import Master
from ambigrid.testing import ProgramShape, kkt_residuals, random_program, random_samples

BOX = {"lower": -1.0, "upper": 1.2}
RUNS = settings(max_examples=25, deadline=None)  # the same ones in CI, others elsewhere
SEEDS = st.integers(0, 2**16)
LOOPS = (ag.Benders(), ag.Benders(level=None), ag.ColumnConstraint())
ADVERSARIES = {
    "no adversary": ProgramShape(),
    "adversary": ProgramShape(adversarial=2),
    "adversary with budget": ProgramShape(adversarial=3, budget=1, uncertain=1),
}


def ambiguity_sets(samples, weights):
    size = samples.shape[1]
    ball = {"samples": samples, "weights": weights, "radius": 0.2}
    return {
        "nominal": ag.Nominal(samples[0]),
        "empirical": ag.Empirical(samples, weights),
        "equal samples": ag.Empirical(samples[[0, 1, 0]], weights),
        "box": ag.Box(**BOX),
        "box with budget": ag.Box(**BOX, budget=1),
        "samples, 1-norm": ag.Wasserstein(**ball, norm=1),
        "samples, max-norm": ag.Wasserstein(**ball, norm="inf"),
        "box, 1-norm": ag.Wasserstein(**ball, norm=1, support="box", **BOX),
        "box, max-norm": ag.Wasserstein(
            **ball, norm="inf", support="box", scale=np.linspace(0.5, 2.0, size), **BOX
        ),
    }


SET_NAMES = tuple(ambiguity_sets(*random_samples(0, 3, 2)))


def compare(program, ambiguity, loops=LOOPS):
    reference = ag.robustify(program, ambiguity=ambiguity).solve(ag.Extensive())
    for method in loops:
        solution = ag.robustify(program, ambiguity=ambiguity).solve(method)
        assert solution.status is reference.status
        if reference.status is ag.Status.OPTIMAL:
            scale = max(1.0, abs(reference.objective))
            for value in (solution.objective, solution.bound, reference.bound):
                assert value == pytest.approx(reference.objective, abs=1e-6 * scale)
            check_worst_case(program, solution)
    return reference


def check_worst_case(program, solution):
    """The worst law's expectation is the objective, and its recourse is feasible and costs so."""
    worst, x = solution.worst_case, vector(program.first_stage.labels, solution.first_stage)
    assert float(worst["probability"].sum()) == pytest.approx(1.0, abs=1e-6)
    total = program.first_stage_cost(x) + float(worst["probability"] @ worst["value"])
    scale = max(1.0, abs(solution.objective))
    assert total == pytest.approx(solution.objective, abs=2e-6 * scale)
    for k in range(worst.sizes["support"]):
        y = vector(program.recourse.labels, solution.recourse.isel(support=k))
        assert program.recourse.cost @ y == pytest.approx(float(worst["value"][k]), abs=1e-6)
        call = vector(program.adversarial, worst.isel(support=k))
        outcome = vector(program.uncertain, worst.isel(support=k))
        lower, upper = program.second_rows.bounds(program.recourse_rhs(x, call, outcome))
        assert (program.W @ y >= lower - 1e-6).all()
        assert (program.W @ y <= upper + 1e-6).all()


def vector(labels, dataset):
    parts = [dataset[block.name].to_numpy().ravel() for block in labels.blocks]
    return np.concatenate(parts) if parts else np.zeros(0)


@RUNS
@given(SEEDS, st.sampled_from(SET_NAMES), st.sampled_from(list(ADVERSARIES)))
@example(seed=0, name="equal samples", adversary="no adversary")
@example(seed=0, name="equal samples", adversary="adversary with budget")
@example(seed=0, name="box, max-norm", adversary="adversary")
def test_loops_equal_the_deterministic_equivalent(seed, name, adversary):
    shape = ADVERSARIES[adversary]
    drawn = random_samples(seed, 3, shape.uncertain)
    reference = compare(random_program(seed, shape), ambiguity_sets(*drawn)[name])
    assert reference.status is ag.Status.OPTIMAL


@RUNS
@given(SEEDS, st.sampled_from(SET_NAMES))
def test_feasibility_cuts_without_complete_recourse(seed, name):
    shape = ProgramShape(complete_recourse=False, adversarial=1)
    compare(random_program(seed, shape), ambiguity_sets(*random_samples(seed, 3, 2))[name])


def test_programs_without_complete_recourse_are_of_both_kinds():
    """So that the test above sees feasibility cuts that end in a solution and in none."""
    shape = ProgramShape(complete_recourse=False, adversarial=1)
    statuses = {
        ag.robustify(random_program(seed, shape), ambiguity=ag.Box(**BOX)).solve().status
        for seed in range(12)
    }
    assert statuses == {ag.Status.OPTIMAL, ag.Status.INFEASIBLE}


@RUNS
@given(SEEDS, st.sampled_from(SET_NAMES))
def test_integers_in_the_first_stage(seed, name):
    program = random_program(seed, ProgramShape(first_stage=3, integer=True))
    reference = compare(program, ambiguity_sets(*random_samples(seed, 3, 2))[name])
    x = vector(program.first_stage.labels, reference.first_stage)
    assert (x == np.round(x)).all()


@RUNS
@given(SEEDS, st.sampled_from(SET_NAMES))
def test_quadratic_cost_of_the_first_stage(seed, name):
    program = random_program(seed, ProgramShape(first_stage=3, quadratic=True))
    compare(program, ambiguity_sets(*random_samples(seed, 3, 2))[name])


@pytest.mark.parametrize("method", [ag.Extensive(), *LOOPS], ids=repr)
@pytest.mark.parametrize("quadratic", [False, True])
@settings(RUNS, max_examples=2)
@given(SEEDS)
def test_kkt_conditions_of_master_and_equivalent(method, quadratic, seed):
    """Residuals of the whole equivalent prove its optimum; those of a master its bound."""
    program = random_program(seed, ProgramShape(adversarial=2, quadratic=quadratic))
    sets = ambiguity_sets(*random_samples(seed, 3, 2))
    for name in ("empirical", "box with budget", "samples, max-norm", "box, 1-norm"):
        ambiguity = sets[name]
        master = Master([Block("program", program, ambiguity)])
        incumbent = method.run(master)
        assert isinstance(method, Decomposition) or incumbent.iterations == 1
        point = master.solve()
        residuals = kkt_residuals(master.linear_program(), point.solution, master.hessian())
        assert residuals.largest <= 1e-6


def test_cuts_survive_a_change_of_radius_and_of_costs():
    program = random_program(7, ProgramShape(adversarial=2))
    samples, weights = random_samples(7, 4, 2)
    block = Block("p", program, ag.Wasserstein(samples, weights, radius=0.3))
    master = Master([block])
    fresh = ag.Benders().run(master)
    again = ag.Benders().run(master)
    assert again.upper == pytest.approx(fresh.upper, rel=1e-6)
    assert again.iterations < fresh.iterations


def test_cold_and_warm_masters_agree_without_bounds_from_costs():
    """Free recourse columns with a cost leave the first master unbounded, not the problem."""
    program = ag.TwoStageProgram.from_matrices(
        cost=[-1.0], recourse_cost=[1.0], T=[[-3.0], [3.0]], W=[[1.0], [1.0]],
        H=[[1.0], [-1.0]], h=[0.0, 0.0], sense=">", recourse_lower=-np.inf, lower=-np.inf,
    )  # fmt: skip
    reference = compare(program, ag.Box(lower=1.0, upper=2.0))
    assert reference.objective == pytest.approx(-0.5 + 0.5)


def test_scaled_costs_scale_the_answer():
    program = random_program(3, ProgramShape(adversarial=2))
    samples, weights = random_samples(3, 3, 2)
    ambiguity = ag.Wasserstein(samples, weights, radius=0.2, support="box", **BOX)
    plain = ag.robustify(program, ambiguity=ambiguity).solve()
    scaled = replace(
        program,
        first_stage=replace(program.first_stage, cost=1e4 * program.first_stage.cost),
        recourse=replace(program.recourse, cost=1e4 * program.recourse.cost),
    )
    large = ag.robustify(scaled, ambiguity=ambiguity).solve()
    assert large.objective == pytest.approx(1e4 * plain.objective, rel=1e-6)
