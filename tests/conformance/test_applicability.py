"""Every cell of the table: what it calls exact is solved and checked, the rest is refused."""

from dataclasses import replace

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.algorithms.applicability import METHODS, RULES, SETS, features, set_key, verdict
from ambigrid.testing import ProgramShape, random_program

SAMPLES, WEIGHTS = np.array([[-0.5, 0.3], [0.4, 0.1], [0.9, -0.8]]), np.array([0.3, 0.5, 0.2])
BALL = {"samples": SAMPLES, "weights": WEIGHTS, "radius": 0.25}
AMBIGUITY = {
    "nominal": ag.Nominal(SAMPLES[0]),
    "empirical": ag.Empirical(SAMPLES, WEIGHTS),
    "box": ag.Box(lower=-1.0, upper=1.0),
    "wasserstein/samples": ag.Wasserstein(**BALL),
    "wasserstein/box": ag.Wasserstein(**BALL, norm=1, support="box", lower=-1.0, upper=1.0),
}
BY_NAME = {
    "benders": ag.Benders(),
    "column_constraint": ag.ColumnConstraint(),
    "extensive": ag.Extensive(),
}


def integer_recourse(program):
    """First recourse variable integer."""
    integer = np.arange(program.recourse.size) == 0
    return replace(program, recourse=replace(program.recourse, integer=integer))


PROBLEMS = {
    "continuous": random_program(11, ProgramShape()),
    "adversarial": random_program(12, ProgramShape(adversarial=2)),
    "integer first stage": random_program(13, ProgramShape(integer=True)),
    "quadratic cost": random_program(14, ProgramShape(quadratic=True)),
    "integer first stage and quadratic cost": random_program(
        15, ProgramShape(integer=True, quadratic=True)
    ),
    "integer recourse": integer_recourse(random_program(16, ProgramShape())),
    "integer recourse and adversarial": integer_recourse(
        random_program(17, ProgramShape(adversarial=1))
    ),
}
CELLS = [
    (feature, ambiguity, method) for feature in PROBLEMS for ambiguity in SETS for method in METHODS
]


def test_the_table_covers_every_cell_once():
    for feature, ambiguity, method in CELLS:
        hits = [
            rule
            for rule in RULES
            if rule.feature == feature and ambiguity in rule.sets and method in rule.methods
        ]
        assert len(hits) == 1
    assert {rule.feature for rule in RULES} == set(PROBLEMS)
    assert {set_key(ambiguity) for ambiguity in AMBIGUITY.values()} == set(SETS)
    assert all(feature in features(program) for feature, program in PROBLEMS.items())


@pytest.mark.parametrize(("feature", "ambiguity", "method"), CELLS)
def test_cell(feature, ambiguity, method):
    program, rule = PROBLEMS[feature], verdict(feature, ambiguity, method)
    problem = ag.robustify(program, ambiguity=AMBIGUITY[ambiguity])
    if rule.verdict == "refused":
        with pytest.raises(ag.InputError, match=f"method {method}") as error:
            problem.solve(BY_NAME[method])
        assert (error.value.what, error.value.fix) == (rule.reason, rule.fix)
        return
    solution = problem.solve(BY_NAME[method])
    assert solution.status is ag.Status.OPTIMAL
    assert solution.exactness == rule.verdict
    reference = expected_objective(program, AMBIGUITY[ambiguity], solution)
    assert solution.objective == pytest.approx(reference, rel=1e-6, abs=1e-6)
    check_first_stage(program, solution)


def expected_objective(program, ambiguity, solution):
    """Expected objective: the equivalent's, but for it an independent evaluation of its x."""
    if solution.method != "extensive":
        return ag.robustify(program, ambiguity=ambiguity).solve(ag.Extensive()).objective
    x = np.concatenate([v.to_numpy().ravel() for v in solution.first_stage.values()])
    worst = solution.worst_case
    return program.first_stage_cost(x) + float(worst["probability"] @ worst["value"])


def check_first_stage(program, solution):
    """Rows, bounds and integrality hold; duals of ≤ rows are not positive, of ≥ not negative."""
    x = np.concatenate([v.to_numpy().ravel() for v in solution.first_stage.values()])
    lower, upper = program.first_rows.bounds()
    assert (program.A @ x >= lower - 1e-6).all()
    assert (program.A @ x <= upper + 1e-6).all()
    assert (x >= program.first_stage.lower - 1e-9).all()
    assert (x <= program.first_stage.upper + 1e-9).all()
    assert (x[program.first_stage.integer] == np.round(x[program.first_stage.integer])).all()
    duals = np.concatenate([v.to_numpy().ravel() for v in solution.duals.values()])
    assert np.isfinite(duals).all()
    assert (duals[program.first_rows.sense == "<"] <= 1e-7).all()
    assert (duals[program.first_rows.sense == ">"] >= -1e-7).all()


def test_integer_recourse_is_really_integer():
    solution = ag.robustify(PROBLEMS["integer recourse"], ambiguity=AMBIGUITY["empirical"]).solve()
    assert solution.method == "extensive"
    first = solution.recourse["y"].isel(y_number=0).to_numpy()
    assert first == pytest.approx(np.round(first), abs=1e-6)
