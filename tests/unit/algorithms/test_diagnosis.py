"""Infeasible programs: the constraints are named, with the amount and the scenario."""

import linopy
import numpy as np
import pandas as pd
import pytest

from ambigrid.algorithms.diagnosis import diagnose
from ambigrid.algorithms.recourse import Vertex
from ambigrid.program import TwoStageProgram

HOURS = pd.Index(["08:00", "09:00"], name="time")


def power_program(demand, most=5.0, committed=False) -> TwoStageProgram:
    """Plan power ≥ demand; use at most the plan and what is available."""
    model = linopy.Model()
    kind = {"binary": True} if committed else {"lower": 0.0, "upper": most}
    power = model.add_variables(coords=[HOURS], name="power", **kind)
    used = model.add_variables(lower=0.0, coords=[HOURS], name="used")
    available = model.add_variables(coords=[HOURS], name="available")
    model.add_constraints(power >= pd.Series(demand, HOURS), name="balance")
    model.add_constraints(used <= available, name="available_power")
    model.add_constraints(used >= power, name="promise")
    model.add_objective(power.sum() + used.sum())
    return TwoStageProgram.from_linopy(model, recourse=["used"], uncertain=["available"])


def vertex(*outcome) -> Vertex:
    return Vertex(np.array(outcome, dtype=float), np.zeros(0, dtype=np.int8))


def test_first_stage_alone():
    found = diagnose(power_program([3.0, 7.0]), [("0", vertex(9, 9))])
    assert found.scenario is None
    assert found.rows == (("balance[time=09:00]", pytest.approx(2.0)),)
    assert found.text == (
        "The first-stage constraints cannot hold together. "
        "The least violation that makes room: balance[time=09:00] by 2."
    )


def test_integers_count_as_integers():
    found = diagnose(power_program([0.5, 1.5], committed=True))
    assert found.rows == (("balance[time=09:00]", pytest.approx(0.5)),)


def test_scenario_is_named():
    scenarios = [("0", vertex(4, 4)), ("1", vertex(4, 1))]
    found = diagnose(power_program([3.0, 3.0]), scenarios)
    assert found.scenario == "1"
    ((label, amount),) = found.rows
    assert label in ("available_power[time=09:00]", "promise[time=09:00]")
    assert amount == pytest.approx(2.0)
    assert found.text.startswith("In scenario 1 the constraints cannot hold, whatever the first")


def test_calls_at_the_end_of_a_box_that_moves_with_x():
    program = TwoStageProgram.from_matrices(
        cost=[1.0], recourse_cost=[1.0], W=[[1.0]], T=[[0.0]], D=[[1.0]], h=[-1.0], sense="<",
        A=[[1.0]], b=[2.0], first_sense=">", upper=5.0,
        call_lower=([[0.0]], [0.0]), call_upper=([[1.0]], [0.0]),
    )  # fmt: skip
    up, down = (Vertex(np.zeros(0), np.array([sign], dtype=np.int8)) for sign in (1, -1))
    found = diagnose(program, [("calm", down), ("called", up)])
    assert found.scenario == "calm"
    assert found.rows[0][1] == pytest.approx(1.0)
    assert diagnose(program, [("called", up)]).rows[0][1] == pytest.approx(3.0)


def test_scenarios_that_only_contradict_each_other():
    program = TwoStageProgram.from_matrices(
        cost=[0.0], recourse_cost=[1.0], W=[[0.0]], T=[[1.0]], h=[0.0], H=[[-1.0]], sense="=",
        upper=10.0,
    )  # fmt: skip
    scenarios = [("a", vertex(2)), ("b", vertex(5))]
    found = diagnose(program, scenarios)
    assert found.scenario is None
    assert sum(amount for _, amount in found.rows) == pytest.approx(3.0)
    assert all(" in scenario " in label for label, _ in found.rows)
    assert "none suits them all" in found.text


def test_bounds_that_cross():
    found = diagnose(power_program([0.0, 0.0], most=-1.0))
    assert found.rows[0] == ("power[time=08:00]", 1.0)
    assert found.text.startswith("Lower bounds of variables exceed their upper bounds")


def test_long_lists_are_cut_short():
    program = TwoStageProgram.from_matrices(
        cost=[0.0], recourse_cost=[1.0], W=[[0.0]], T=[[0.0]], h=[0.0],
        A=np.ones((9, 1)), b=np.arange(2.0, 11.0), first_sense=">", upper=1.0,
    )  # fmt: skip
    found = diagnose(program)
    assert len(found.rows) == 9
    assert [amount for _, amount in found.rows] == pytest.approx(list(range(9, 0, -1)))
    assert found.text.endswith("; and 4 more.")


def test_feasible_program_has_no_diagnosis():
    assert diagnose(power_program([3.0, 3.0]), [("0", vertex(4, 4)), ("1", vertex(3, 3))]) is None


def test_diagnosis_leaves_the_program_as_it_is():
    program = power_program([3.0, 3.0])
    shape = program.A.shape
    diagnose(program, [("0", vertex(4, 4)), ("1", vertex(3, 3))])
    assert program.A.shape == shape
