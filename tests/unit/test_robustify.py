"""The one-call interface: labels, statuses and sentences."""

import subprocess
import sys

import linopy
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ambigrid as ag

HOURS = pd.RangeIndex(3, name="hour")
ENDS = {"lower": -1.0, "upper": 1.0}


def model(capacity=10.0):
    model = linopy.Model()
    build = model.add_variables(lower=0, upper=capacity, coords=[HOURS], name="build")
    missing = model.add_variables(lower=0, coords=[HOURS], name="missing")
    demand = model.add_variables(coords=[HOURS], name="demand")
    model.add_constraints(build + missing >= demand, name="balance")
    model.add_constraints(build.sum() <= 12.0, name="total")
    model.add_objective((1.0 * build).sum() + (5.0 * missing).sum())
    return model


NAMES = {"recourse": ["missing"], "uncertain": ["demand"]}


def samples(values):
    return xr.DataArray(values, dims=("scenario", "hour"), coords={"hour": HOURS})


def solve(program, ambiguity, **options):
    return ag.robustify(program, ambiguity=ambiguity).solve(**options)


def test_everything_comes_back_under_the_models_labels():
    drawn = samples([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    ambiguity = ag.Wasserstein(drawn, radius=0.5)
    solution = ag.robustify(model(), **NAMES, ambiguity=ambiguity).solve()
    assert solution.status is ag.Status.OPTIMAL
    assert solution.certified
    assert solution.first_stage["build"].dims == ("hour",)
    assert solution.duals["total"].ndim == 0
    assert float(solution.duals["total"]) < 0
    assert solution.worst_case["demand"].dims == ("support", "hour")
    assert solution.worst_case["demand"].sel(hour=2).to_numpy() == pytest.approx([3.0, 6.0])
    assert solution.recourse["missing"].dims == ("support", "hour")
    balance = solution.first_stage["build"] + solution.recourse["missing"]
    assert (balance >= solution.worst_case["demand"] - 1e-9).all()
    assert solution.gap <= 1e-6


def test_names_beside_a_program_are_refused():
    program = ag.TwoStageProgram.from_linopy(model(), **NAMES)
    with pytest.raises(ag.InputError, match="Leave the names out"):
        ag.robustify(program, ambiguity=ag.Box(0.0, 1.0), recourse=["missing"])


@pytest.mark.parametrize("method", [ag.Benders(), ag.ColumnConstraint(), ag.Extensive()])
class TestStatuses:
    def test_infeasible_first_stage(self, method):
        program = ag.TwoStageProgram.from_matrices(
            cost=[1.0], A=[[1.0], [-1.0]], b=[1.0, -2.0], recourse_cost=[1.0], W=[[1.0]],
            T=[[1.0]], H=[[-1.0]], h=[0.0], sense=">",
        )  # fmt: skip
        solution = solve(program, ag.Box(**ENDS), method=method)
        assert solution.status is ag.Status.INFEASIBLE
        assert solution.objective == np.inf
        assert solution.bound == np.inf
        assert not solution.certified

    def test_no_recourse_for_some_outcome(self, method):
        """x + y ≥ ξ with x ≤ 1, y ≤ 0.5 has no answer to ξ = 2."""
        program = ag.TwoStageProgram.from_matrices(
            cost=[1.0], upper=[1.0], recourse_cost=[1.0], recourse_upper=[0.5], W=[[1.0]],
            T=[[1.0]], H=[[-1.0]], h=[0.0], sense=">",
        )  # fmt: skip
        assert solve(program, ag.Box(0.0, 2.0), method=method).status is ag.Status.INFEASIBLE
        assert solve(program, ag.Box(0.0, 1.4), method=method).status is ag.Status.OPTIMAL

    def test_row_without_recourse_must_hold_for_every_outcome(self, method):
        program = ag.TwoStageProgram.from_matrices(
            cost=[1.0], recourse_cost=[1.0], W=[[0.0]], T=[[1.0]], H=[[-1.0]], h=[0.0], sense=">"
        )
        solution = solve(program, ag.Box(0.0, 3.0), method=method)
        assert solution.objective == pytest.approx(3.0)

    def test_unbounded_first_stage(self, method):
        program = ag.TwoStageProgram.from_matrices(
            cost=[-5.0], recourse_cost=[1.0], W=[[1.0]], T=[[-1.0]], H=[[-1.0]], h=[0.0], sense=">"
        )
        solution = solve(program, ag.Box(**ENDS), method=method)
        assert solution.status is ag.Status.UNBOUNDED
        assert solution.objective == -np.inf
        assert solution.bound == -np.inf

    def test_unbounded_recourse_is_refused_by_name(self, method):
        program = ag.TwoStageProgram.from_matrices(
            cost=[1.0], recourse_cost=[1.0, -1.0], W=[[1.0, 0.0]], T=[[1.0]], H=[[-1.0]], h=[0.0]
        )
        with pytest.raises(ag.InputError, match=r"y\[y_number=1\]: the cost of the recourse can"):
            solve(program, ag.Box(**ENDS), method=method)

    def test_no_time(self, method):
        program = ag.TwoStageProgram.from_linopy(model(), **NAMES)
        solution = solve(program, ag.Box(0.0, 5.0), method=method, time_limit=1e-9)
        assert solution.status in (ag.Status.TIME_LIMIT, ag.Status.OPTIMAL, ag.Status.CONVERGED)
        assert solution.bound <= 39.0 + 1e-6


def test_extensive_names_the_size_and_another_method():
    program = ag.TwoStageProgram.from_linopy(model(), **NAMES)
    with pytest.raises(
        ag.InputError, match=r"up to 8 support points .* more than 4 copies"
    ) as error:
        solve(program, ag.Box(0.0, 5.0), method=ag.Extensive(copies=4))
    assert "Benders or ColumnConstraint" in str(error.value)


def test_iteration_limit_keeps_both_bounds():
    program = ag.TwoStageProgram.from_linopy(model(), **NAMES)
    solution = solve(program, ag.Box(0.0, 5.0), method=ag.Benders(iterations=1))
    assert solution.status is ag.Status.ITERATION_LIMIT
    assert -np.inf < solution.bound < solution.objective < np.inf


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gap": -1.0}, "Benders: the gap must not be negative; got -1.0"),
        ({"level": 1.5}, "Benders: the level must lie between 0 and 1; got 1.5"),
        ({"iterations": 0}, "Benders: there must be an iteration; got 0"),
    ],
)
def test_options_are_checked(options, sentence):
    with pytest.raises(ag.InputError, match=sentence):
        ag.Benders(**options)


def test_public_names_do_not_depend_on_the_order_of_their_use():
    code = (
        "import ambigrid as ag; ag.RobustSolution; ag.RobustProgram; assert callable(ag.robustify)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def called(ends, budget, row=True):
    """A model whose box of calls moves with what is built, at most 4 in all if `row`."""
    model, hours = linopy.Model(), [HOURS]
    build = model.add_variables(lower=0, upper=10.0, coords=hours, name="build")
    missing = model.add_variables(lower=0, coords=hours, name="missing")
    call = model.add_variables(coords=hours, name="call")
    model.add_constraints(missing >= call - build, name="balance")
    if row:
        model.add_constraints(build.sum() <= 4.0, name="total")
    model.add_objective((1.0 * build).sum() + (5.0 * missing).sum())
    box = {"call": tuple(end(build) if callable(end) else end for end in ends)}
    return ag.robustify(
        model, recourse=["missing"], adversarial=box, budget=budget, ambiguity=ag.Nominal([])
    )


@pytest.mark.parametrize("budget", [0, 1])
@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((1.0, 2.0), "the lower end of the box of calls can pass 0; got lower end 1"),
        ((-2.0, -1.0), "the upper end of the box of calls can pass 0; got upper end -1"),
        ((lambda x: 1.0 * x - 3.0, 4.0), "can pass 0; got lower end 1"),
    ],
)
def test_a_budget_needs_boxes_that_hold_no_call(ends, words, budget):
    with pytest.raises(ag.InputError, match=words) as caught:
        called(ends, budget).solve()
    assert str(caught.value).startswith("call[hour=0]: ")
    assert called(ends, None).solve().status is ag.Status.OPTIMAL


@pytest.mark.parametrize("ends", [(0.0, 2.0), (-2.0, 0.0), (lambda x: 1.0 * x - 4.0, 4.0)])
def test_a_budget_takes_boxes_that_hold_no_call(ends):
    assert called(ends, 1).solve().status is ag.Status.OPTIMAL
