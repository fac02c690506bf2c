"""The two-stage programs of the study: values by hand, V finite everywhere, modes, steps."""

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from small_case import make_case

from ambigrid.ambiguity import Box, Empirical, Nominal, Wasserstein
from ambigrid.cases import load_case, validate_case
from ambigrid.coordination.agents import Agent
from ambigrid.errors import InputError
from ambigrid.program import TwoStageProgram
from ambigrid.studies.ev_flexibility import EVFlexibility


def solve(cost, matrix, bounds, box) -> tuple[float, np.ndarray]:
    """Solve min cost·v with two-sided rows, which must have an optimum."""
    lower, upper = bounds
    above, below = np.isfinite(upper), np.isfinite(lower)
    answer = linprog(
        cost,
        A_ub=sp.vstack([matrix[above], -matrix[below]]),
        b_ub=np.concatenate([upper[above], -lower[below]]),
        bounds=np.column_stack(box),
        method="highs",
    )
    assert answer.status == 0, answer.message
    return answer.fun, answer.x


def recourse(program: TwoStageProgram, x, call, outcome) -> tuple[float, xr.Dataset]:
    """V(x, δ, ξ) and its solution, from the arrays of the program."""
    bounds = program.second_rows.bounds(program.recourse_rhs(x, call, outcome))
    columns = program.recourse
    value, y = solve(columns.cost, program.W, bounds, (columns.lower, columns.upper))
    return value, program.unpack(y, "recourse")


def first_stage(program: TwoStageProgram, cost) -> np.ndarray:
    """Return a vertex of X."""
    columns = program.first_stage
    return solve(cost, program.A, program.first_rows.bounds(), (columns.lower, columns.upper))[1]


@pytest.fixture(scope="module")
def small() -> dict[str, Agent]:
    case = make_case()
    validate_case(case, source="small")
    return EVFlexibility(case).agents()


@pytest.fixture(scope="module")
def built_in() -> EVFlexibility:
    return EVFlexibility(load_case("t30d2"))


def feeder_decision(program: TwoStageProgram, regulation: float, reserve: float) -> np.ndarray:
    x = np.zeros(program.first_stage.size)
    for direction in ("up", "down"):
        x[program.columns(f"ev_reserve_{direction}")] = regulation
        x[program.columns(f"boundary_reserve_{direction}")] = reserve
    return x


def test_a_call_is_followed_with_the_cheapest_station(small):
    program = small["distribution_1"].program
    x = feeder_decision(program, regulation=0.4, reserve=0.6)
    call = np.array([0.6, -0.6, 0.0])
    value, y = recourse(program, x, call, np.full(3, 0.5))
    # station E1 (10 $/MWh) gives its 0.4 MW, E2 (12 $/MWh) the other 0.2 MW, up and then down
    assert value == pytest.approx(2 * (0.4 * 10 + 0.2 * 12))
    np.testing.assert_allclose(y["adjustment_up"].isel(time=0), [0.4, 0.2], atol=1e-9)
    np.testing.assert_allclose(y["energy"].isel(time=0), [0.6, 0.8])


def test_own_wind_error_is_met_inside(small):
    program = small["distribution_1"].program
    x = feeder_decision(program, regulation=0.4, reserve=0.0)
    value, y = recourse(program, x, np.zeros(3), np.array([0.7, 0.5, 0.5]))
    assert float(y["curtailment"].sum()) == 0.0
    assert value == pytest.approx(0.2 * 10)  # energy need not be given back within the day
    value, y = recourse(program, 0 * x, np.zeros(3), np.array([0.7, 0.5, 0.5]))
    assert value == pytest.approx(0.2 * 50)


def test_what_cannot_be_followed_is_a_priced_violation(small):
    program = small["distribution_1"].program
    x = feeder_decision(program, regulation=0.0, reserve=0.0)
    value, y = recourse(program, x, np.array([-0.3, 0.0, 0.0]), np.full(3, 0.5))
    # importing more with stations fixed means curtailing 0.3 MW of wind, cheaper than violating
    assert value == pytest.approx(0.3 * 50)
    value, y = recourse(program, x, np.array([-0.8, 0.0, 0.0]), np.full(3, 0.5))
    assert value == pytest.approx(0.5 * 50 + 0.3 * 2000)
    assert float(y["boundary_violation_down"].sum()) == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["transmission", "distribution_1"])
def test_costs_are_per_hour(small, name):
    halves = EVFlexibility(make_case(step_hours=0.5)).agents()[name].program
    if name == "distribution_1":
        whole = small[name].program
        x = feeder_decision(whole, regulation=0.4, reserve=0.6)
        call, outcome = np.array([0.6, -0.6, 0.3]), np.array([0.2, 0.5, 0.9])
        values = [recourse(p, x, call, outcome)[0] for p in (whole, halves)]
        assert values[1] == pytest.approx(0.5 * values[0])
    np.testing.assert_allclose(halves.first_stage.cost, 0.5 * small[name].program.first_stage.cost)
    np.testing.assert_allclose(halves.recourse.cost, 0.5 * small[name].program.recourse.cost)


def test_transmission_calls_what_it_bought(small):
    agent = small["transmission"]
    program = agent.program
    x = first_stage(program, program.first_stage.cost)
    for name in ("boundary_reserve_up", "boundary_reserve_down"):
        x[program.columns(name)] = 3.0
    value, y = recourse(program, x, np.zeros(0), np.full(3, 13.0))
    assert float(y["boundary_call_up"].sum()) == pytest.approx(6.0)
    assert value == pytest.approx(6.0 * 8)
    assert agent.constant == pytest.approx(3 * 150.0)


fractions = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)


def check_finite(agent: Agent, seed: int, share: list[float]) -> None:
    """V exists for a random vertex of X, a random call in the box and a random ξ >= 0."""
    rng, program = np.random.default_rng(seed), agent.program
    vertices = [first_stage(program, rng.normal(size=program.first_stage.size)) for _ in range(2)]
    x = share[0] * vertices[0] + (1 - share[0]) * vertices[1]
    lower, upper = program.call_lower(x), program.call_upper(x)
    call = lower + (upper - lower) * np.where(share[1] < 0.5, rng.random(len(lower)), share[2])
    highest = 3.0 * np.asarray(agent.ambiguity.samples).max()  # beyond any sample
    outcome = highest * share[3] * rng.integers(0, 2, program.uncertain.size)
    value, _ = recourse(program, x, call, outcome)
    assert 0.0 <= value < np.inf


@given(seed=st.integers(0, 10**6), share=fractions)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", ["transmission", "distribution_1"])
def test_the_recourse_is_finite_everywhere(small, name, seed, share):
    check_finite(small[name], seed, share)


@pytest.mark.parametrize("name", ["transmission", "distribution_1", "distribution_2"])
def test_the_recourse_of_the_built_in_case_is_finite(built_in, name):
    for seed in range(3):
        check_finite(built_in.agents()[name], seed, [0.3, 0.7, float(seed % 2), 0.5])


def test_the_built_in_feeders_need_nothing_at_forecast(built_in):
    for name in built_in.distributions:
        program = built_in.agents()[name].program
        outcome = built_in.case[name]["renewable_forecast"].to_numpy().ravel()
        x = np.zeros(program.first_stage.size)
        assert recourse(program, x, np.zeros(24), outcome)[0] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "called", "adjusted", "reserve"),
    [
        ({}, True, True, True),
        ({"boundary_call": "ignored"}, False, True, True),
        ({"mode": "distribution_only"}, False, True, False),
        ({"mode": "none"}, False, False, False),
    ],
)
def test_modes(options, called, adjusted, reserve):
    agents = EVFlexibility(make_case(), **options).agents()
    feeder, transmission = (agents[n].program for n in ("distribution_1", "transmission"))
    assert ("boundary_call" in feeder.adversarial.names) is called
    assert ("adjustment_up" in feeder.recourse.labels.names) is adjusted
    assert bool(feeder.first_stage.upper[feeder.columns("ev_reserve_up")].any()) is adjusted
    for program in (feeder, transmission):
        most = program.first_stage.upper[program.columns("boundary_reserve_up")]
        assert bool(most.any()) is reserve
    assert ("boundary_call_up" in transmission.recourse.labels.names) is reserve


def test_ignoring_the_call_still_needs_static_adequacy():
    program = EVFlexibility(make_case(), boundary_call="ignored").agents()["distribution_1"].program
    cost = np.zeros(program.first_stage.size)
    cost[program.columns("boundary_reserve_up")] = -1.0
    cost[program.columns("ev_reserve_up")] = 0.1
    x = first_stage(program, cost)
    offered, bought = (x[program.columns(n)] for n in ("boundary_reserve_up", "ev_reserve_up"))
    assert offered.sum() == pytest.approx(bought.sum()) == pytest.approx(6.0)


def test_a_voltage_margin_makes_rows_bind_that_did_not():
    def lower_rows(margin: float) -> int:
        study = EVFlexibility(make_case(), voltage_margin=margin)
        rows = study.agents()["distribution_1"].program.second_rows.labels
        names = rows.names
        return rows.positions("voltage_limit").size if "voltage_limit" in names else 0

    assert lower_rows(0.05) > lower_rows(0.0)


def test_couplings_pair_the_same_hours(built_in):
    agents = built_in.agents()
    couplings = built_in.couplings([n for name in built_in.names for n in built_in.preamble(name)])
    assert [c.name for c in couplings] == [
        f"distribution_{d}/boundary_reserve_{way}" for d in (1, 2) for way in ("up", "down")
    ]
    for coupling in couplings:
        feeder, variable = coupling.name.split("/")
        assert coupling.size == 24
        assert coupling.labels.dims == ("time",)
        assert coupling.members == ("transmission", feeder)
        for name in coupling.members:
            columns = agents[name].shared[coupling.name]
            labels = agents[name].program.first_stage.labels
            at = f"time={np.datetime_as_string(coupling.labels['time'].to_numpy()[5], 'm')}]"
            text = labels.describe(int(columns[5]))
            assert text.startswith(variable)
            assert text.endswith(at)
            assert (f"distribution={feeder}" in text) is (name == "transmission")


def test_agents_have_their_own_sets():
    study = EVFlexibility(make_case())
    agents = study.agents()
    assert list(agents) == ["transmission", "distribution_1"]
    assert study.agents()["transmission"] is agents["transmission"]
    assert agents["transmission"].ambiguity.radius == 10.0
    assert agents["distribution_1"].ambiguity.radius == 1.0
    for known in (Box(), Empirical(), Wasserstein(radius=0.5, support="box")):
        for agent in EVFlexibility(make_case(), ambiguity=known).agents().values():
            assert agent.ambiguity.checked(agent.program.uncertain)


def test_the_baseline_is_load_plus_charging_minus_forecast():
    baseline = EVFlexibility(make_case()).boundary_baseline()
    assert baseline.dims == ("distribution", "time")
    np.testing.assert_allclose(baseline, 3.0 + 2.0 - 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "all"}, "unknown mode; got all. Use one of both, distribution_only, none."),
        ({"boundary_call": "yes"}, "unknown boundary_call; got yes. Use one of adversarial, igno"),
        ({"voltage_margin": -0.1}, r"voltage margin must lie in \[0, 0.1\); got -0.1. Give a mar"),
    ],
)
def test_illegal_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        EVFlexibility(make_case(), **options)


def test_a_case_without_feeders_is_refused():
    case = make_case()
    del case["distribution_1"]
    with pytest.raises(InputError, match="at least one distribution group are needed"):
        EVFlexibility(case)


@pytest.mark.parametrize(
    "ambiguity",
    [
        Box(lower=0.0, upper=2.0),
        Nominal(2.0),
        Empirical(np.full((2, 3), 2.0)),
        Wasserstein(np.full((1, 3), 2.0)),
        Wasserstein(np.full((1, 3), 0.5), support="box", lower=0.0, upper=2.0),
    ],
    ids=["box", "nominal", "empirical", "samples", "wasserstein box"],
)
def test_outcomes_above_capacity_are_refused(ambiguity):
    """Limits that outcomes up to capacity cannot violate have no rows: others would cost less."""
    with pytest.raises(InputError) as caught:
        EVFlexibility(make_case(), ambiguity=ambiguity).agents()
    name = type(ambiguity).__name__
    assert str(caught.value) == (
        f"distribution_1, {name}, renewable[unit=W2, time=2030-01-01T00:00]: an outcome must "
        "not exceed the installed capacity of 1 MW; got 2 MW. Lower it, or raise "
        "renewable_capacity of the case."
    )
    EVFlexibility(make_case(renewable_capacity=("unit", [2.0])), ambiguity=ambiguity).agents()


def test_negative_outcomes_are_refused():
    with pytest.raises(InputError, match=r"transmission, Box, renewable.*negative; got -1 MW"):
        EVFlexibility(make_case(), ambiguity=Box(lower=-1.0, upper=1.0)).agents()
