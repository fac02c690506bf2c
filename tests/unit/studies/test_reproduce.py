"""Judging the source's claims, on faked runs; and what plans lose on one common set."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from small_case import make_case

from ambigrid.algorithms.log import History, IterationRecord
from ambigrid.coordination import CutSharing
from ambigrid.errors import InputError, SolverError
from ambigrid.results import Result
from ambigrid.solving import solve
from ambigrid.studies import reproduce as module
from ambigrid.studies.ev_flexibility import EVFlexibility
from ambigrid.studies.reproduction import claims, recipes, worst_cases
from ambigrid.studies.reproduction.accounts import ACCOUNTS
from ambigrid.studies.reproduction.common_set import (
    CommonSet,
    beyond_offer,
    found_calls,
    found_patterns,
    offered,
    plan_vector,
)
from ambigrid.studies.reproduction.judging import (
    Claim,
    Finding,
    Interval,
    change,
    cost_ordering,
    falling,
    rising,
    smaller,
)
from ambigrid.studies.reproduction.runs import NotRunError, Runs
from ambigrid.studies.reproduction.topics import TOPICS, chosen_topics, plan

SEEDS = (0, 1, 2)
COSTS = {"both": 60_000.0, "distribution_only": 70_000.0, "none": 80_000.0}
AMBIGUITY = {"wasserstein": 0.0, "box": 40_000.0, "empirical": -10_000.0}


class FakeRuns:
    """Results that follow the source; `special` replaces attributes of a recipe's result."""

    def __init__(self, special=(), system="t30d2"):
        self.special, self.account = dict(special), ACCOUNTS[system]
        self.asked = []

    def study(self, recipe):
        return SimpleNamespace(transmission="transmission", distributions=("distribution_1",))

    def result(self, recipe):
        self.asked.append(recipe)
        cost = COSTS[recipe.mode] + AMBIGUITY[recipe.ambiguity] + 100 * recipe.radius[0]
        cost *= 1 + (recipe.wind_penetration or 0.45) ** 6
        return fake_result(cost, recipe, **self.special.get(recipe, {}))

    def measured(self, name, recipe, measure):
        plans = {"stochastic_losses": ["ARO-DRO", "ARO-SO"], "ignored_losses": ["case 4", "case 7"]}
        labels = plans.get(name, ["5/0.5", "10/1", "15/1.5"])
        values = np.tile(1.0 + np.arange(len(labels)), (2, 1))
        losses = dict.fromkeys(claims_losses(), (("calls", "plan"), values))
        coords = {"calls": ["relative", "absolute"], "plan": labels}
        return xr.Dataset({**losses, "beyond_offer": ("plan", 0 * values[0])}, coords)


def claims_losses():
    return ("curtailment", "shedding", "boundary_violation")


def fake_result(cost, recipe, **attrs):
    share = recipe.wind_penetration or 0.45
    loading = 0.8 if recipe.mode == "both" else 0.9
    lost = {"both": 1.0, "distribution_only": 2.0, "none": 3.0}[recipe.mode] + share
    names = [f"{kind}_{loss}" for kind in ("expected", "worst_case") for loss in claims_losses()]
    derived = dict.fromkeys(names, ((), lost))
    lines = {f"line_loading_{kind}": ("line", [loading, 0.3]) for kind in ("max", "average")}
    offer = 3.0 if recipe.boundary_call == "ignored" else 2.0
    penalty = getattr(recipe.method, "penalty", 15.0)
    rounds = 5 + int(20 * abs(np.log(penalty / 15.0)))
    rounds = rounds // 2 if getattr(recipe.method, "adaptive", False) else rounds
    reserve = {f"boundary_reserve_{d}": ("time", [offer, offer]) for d in ("up", "down")}
    root = {
        "status": "optimal", "certified": True, "objective": cost, "bound": 0.998 * cost,
        "agents": {"transmission": 0.9 * cost, "distribution_1": 0.1 * cost},
        "wall_seconds": 20.0, "certificate_seconds": 30.0,
    }  # fmt: skip
    groups = {
        "derived": {
            "transmission": xr.Dataset(derived | lines, {"line": ["1-2", "2-3"]}),
            "distribution_1": xr.Dataset(derived),
        },
        "dispatch": {"distribution_1": xr.Dataset(reserve)},
        "history": history(rounds).to_dataset(),
    }
    return Result.from_groups(root | attrs, groups)


def history(rounds):
    residuals = [(1.0, 0.5)] * (rounds - 1) + [(0.1, 0.19)]
    return History(
        IterationRecord(k, primal_residual=p, dual_residual=d)
        for k, (p, d) in enumerate(residuals, start=1)
    )


def judged(runs=None, seeds=SEEDS):
    rows = module.judge(runs or FakeRuns(), TOPICS, seeds)
    return {row["name"]: row for row in rows}


# --- judging ------------------------------------------------------------------------------------


def test_an_ordering_needs_intervals_apart():
    low, high = Interval(90.0, 95.0), Interval(96.0, 100.0)
    assert cost_ordering(low, high).holds
    assert cost_ordering(low, high).margin == "+1.00 %"
    assert cost_ordering(low, high).ours == "−5.00 %"
    assert not cost_ordering(low, replace(high, lower=94.0)).holds
    assert not cost_ordering(replace(low, upper=np.inf), high).holds
    assert not cost_ordering(low, replace(high, lower=-np.inf)).holds


def test_a_row_holds_only_if_it_holds_on_every_seed():
    claim = Claim("name", "text", "figure")
    good, bad = Finding("1", True, "+1 %"), Finding("2", False, "−1 %")
    assert claim.row([good, good]).holds is True
    assert claim.row([good, bad]).holds is False
    assert claim.row([good, bad]).ours == "1; 2"
    assert claim.row([good, bad], "why").note == "margin +1 %; −1 %. why"
    assert claim.row([good, Finding("3")]).holds is None


def test_rising_costs_are_judged_step_by_step():
    steps = [Interval(99.0, 100.0), Interval(109.0, 110.0), Interval(119.0, 120.0)]
    assert rising(steps).holds
    assert rising(steps).ours == "+10.00 %, +9.09 %"
    assert not rising([steps[1], steps[0], steps[2]]).holds


def test_rounding_is_no_difference():
    assert smaller(1.0, 2.0, "MWh").holds
    assert not smaller(2.0, 2.0 + 1e-6, "MWh").holds
    assert not smaller(0.0, 1e-6, "MWh").holds
    assert change(1.0, 0.0) == "from zero"
    assert change(0.0, 0.0) == "both zero"
    assert change(1.0, np.inf) == "no figure"


# --- claims -------------------------------------------------------------------------------------


def test_every_row_of_the_specification_is_there():
    rows = judged()
    assert {name for name, row in rows.items() if row["holds"] is None} == {
        "radius_curtailment", "radius_shedding", "radius_boundary_violation",
    }  # fmt: skip
    failed = {name for name, row in rows.items() if row["holds"] is False}
    assert not failed
    assert rows["cost_1_2"]["seed"] == "−13.95 %"
    assert rows["cost_1_2"]["ours"].count("−14.08 %") == 3
    assert rows["gap_to_centralized"]["value"] == 0.0
    assert rows["admm_iterations"]["value"] == 5
    assert "0.5: 73" in rows["penalty_sweep"]["ours"]
    assert module.headlines(rows.values()) == {"gap_to_centralized": 0.0, "wall_seconds": 20.0}


def test_one_seed_is_enough_to_refuse_a_claim():
    rows = judged(FakeRuns({recipes.case_1(2): {"objective": 71_500.0}}))
    assert rows["cost_1_2"]["holds"] is False
    assert rows["cost_1_3"]["holds"] is True


def test_the_gap_to_the_centralised_solution_is_judged_at_half_a_per_cent():
    rows = judged(FakeRuns({recipes.centralized(0): {"objective": 60_500.0}}))
    assert rows["gap_to_centralized"]["holds"] is False
    assert rows["gap_to_centralized"]["value"] > 0.005


def test_an_upper_bound_that_is_not_proved_is_named():
    rows = judged(FakeRuns({recipes.case_1(1): {"certified": False}}))
    assert "the lower cost is not proved on 1 data seed" in rows["cost_1_2"]["note"]


def test_robust_cost_is_compared_with_the_lower_bound():
    runs = FakeRuns(
        {recipes.case_5(seed, 120.0): {"objective": 1e9, "bound": 62_500.0} for seed in SEEDS}
    )
    assert judged(runs)["cost_dro_ro"]["ours"].startswith("−1.59 %")
    low = FakeRuns({recipes.case_5(1, 120.0): {"bound": 61_000.0}})
    assert judged(low)["cost_dro_ro"]["holds"] is False


def test_the_transmission_cost_is_bounded_by_what_the_others_leave():
    worse = {"agents": {"transmission": 64_000.0, "distribution_1": 3_000.0}, "bound": 66_000.0}
    rows = judged(FakeRuns({recipes.case_2(seed): worse for seed in SEEDS}))
    assert rows["transmission_cost_1_2"]["holds"] is True
    close = worse | {"bound": 57_000.0}
    rows = judged(FakeRuns({recipes.case_2(0): close}))
    assert rows["transmission_cost_1_2"]["holds"] is False


def test_agreement_is_read_from_the_residuals():
    run = fake_result(1.0, recipes.at_penalty(0, 15.0))
    assert claims.agreed_at(run, boundaries=2) == 5
    assert claims.agreed_at(run, boundaries=1) is None
    assert claims.agreed_at(run, boundaries=10, residual=0.01) is None


def test_a_claim_that_cannot_be_judged_says_why():
    def broken(runs, seeds):
        raise SolverError("The master failed.")

    topic = replace(TOPICS[-1], judge=broken)
    row = module.judge(FakeRuns(), [topic], SEEDS)[-1]
    assert (row["name"], row["ours"], row["holds"], row["note"]) == (
        "wall_seconds", "not judged", False, "The master failed.",
    )  # fmt: skip


@pytest.mark.parametrize("system", ACCOUNTS)
def test_the_plan_covers_what_claims_ask_for_and_starts_with_the_cases(system):
    runs = FakeRuns(system=system)
    judged(runs)
    planned = plan(TOPICS, runs.account, SEEDS)
    assert set(runs.asked) <= set(planned)
    for seed in SEEDS:
        radii = [recipes.at_radius(seed, radius) for radius in recipes.RADII]
        assert {*radii, recipes.case_6(seed)} <= set(planned)
    assert planned[:3] == [recipes.case_1(0), recipes.case_2(0), recipes.case_3(0)]
    assert len({recipe.name for recipe in planned}) == len(planned)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.claims[0])
@pytest.mark.parametrize("system", ACCOUNTS)
def test_a_topic_judges_its_claims_from_its_own_solves(topic, system):
    runs = FakeRuns(system=system)
    rows = topic.judge(runs, SEEDS)
    assert tuple(row.name for row in rows) == topic.claims
    assert set(runs.asked) <= set(plan([topic], runs.account, SEEDS))


@pytest.mark.parametrize("system", ACCOUNTS)
def test_every_claim_of_the_source_belongs_to_one_topic(system):
    names = [name for topic in TOPICS for name in topic.claims]
    assert sorted(names) == sorted(ACCOUNTS[system].claims)


def test_the_larger_system_has_the_source_s_figures():
    rows = judged(FakeRuns(system="t118d10"))
    assert rows["cost_1_2"]["seed"] == "−60,280 $"
    assert rows["cost_1_2"]["ours"].startswith("−10,083 $ (−14.08 %); ")
    assert rows["worst_shedding_relative"]["seed"] == "−25.84 MW"
    assert rows["worst_shedding_relative"]["ours"].startswith("−1.00 MWh (1.00 against 2.00 MWh)")
    assert rows["expected_shedding_1_3"]["seed"] == "−31.64 %"
    assert "at penalty 20, residual 0.1 MW × 10" in rows["admm_iterations"]["claim"]
    assert (rows["admm_iterations"]["seed"], rows["admm_iterations"]["holds"]) == ("20", True)
    assert "20: " in rows["penalty_sweep"]["ours"]
    assert rows["wall_seconds"]["seed"] == "9,613 s, serial"
    reported = {name for name, row in rows.items() if row["holds"] is None}
    assert reported == {name for name, row in rows.items() if row["seed"] == "–"}
    assert reported == {
        "line_loading_max", "line_loading_average", "ignored_reserve_up", "ignored_reserve_down",
        "ignored_violation_relative", "ignored_violation_absolute",
    }  # fmt: skip


def test_worst_cases_over_the_radius_are_judged_where_they_are_claimed():
    small, large = (judged(FakeRuns(system=system)) for system in ACCOUNTS)
    assert small["radius_shedding"]["holds"] is None
    assert large["radius_shedding"]["holds"] is False  # the faked losses rise with the radius
    assert falling([3.0, 2.0, 1.0], "MWh").holds
    assert not falling([3.0, 3.0, 1.0], "MWh").holds
    assert not falling([0.0, 0.0, 0.0], "MWh").holds


def test_claims_that_were_left_out_are_named():
    topics = chosen_topics(["cost_1_3", "wall_seconds"])
    rows = module.judge(FakeRuns(), topics, SEEDS)
    assert [row["name"] for row in rows] == list(ACCOUNTS["t30d2"].claims)
    left = module.not_run(rows)
    run = {"cost_1_2", "cost_2_3", "cost_1_3", "wall_seconds"}
    assert {row["name"] for row in rows} - set(left) == run
    assert all(row["holds"] is None for row in rows if row["name"] in left)
    assert module.as_markdown(rows).count("| not run | not run | left out |") == len(left)
    with pytest.raises(InputError, match="there is no such claim; got 'cost'"):
        chosen_topics(["cost"])


def test_markdown_has_a_line_per_row():
    rows = list(judged().values())
    table = module.as_markdown(rows)
    assert len(table.splitlines()) == len(rows) + 2
    assert "| holds |" in table


def test_bad_input():
    with pytest.raises(InputError, match="there are no claims about this system"):
        module.reproduce("template")
    with pytest.raises(InputError, match="there is no data seed"):
        module.reproduce("t30d2", seeds=())


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture
def solver(monkeypatch):
    """Replace solver and case; count what is solved."""
    known = SimpleNamespace(status="converged", solved=[], data=make_case())

    def fake_solve(study, method, **options):
        known.solved.append((study.mode, options["seed"]))
        from ambigrid.cases import case_hash

        return fake_result(
            1.0, recipes.case_1(0), status=known.status, data_hash=case_hash(study.case)
        )

    path = "ambigrid.studies.reproduction.runs.load_case"
    monkeypatch.setattr(path, lambda name, **which: known.data)
    monkeypatch.setattr("ambigrid.solving.solve", fake_solve)
    return known


def test_runs_are_solved_once_and_kept(solver, tmp_path):
    lines = []
    runs = Runs("t30d2", tmp_path, lines.append)
    first = runs.result(recipes.case_2(1))
    assert runs.result(recipes.case_2(1)) is first
    again = Runs("t30d2", tmp_path, lines.append).result(recipes.case_2(1))
    assert solver.solved == [("distribution_only", 1)]
    assert again.objective == first.objective
    assert "kept from an earlier run" in lines[-1]


def test_runs_of_other_data_are_not_used(solver, tmp_path):
    Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    solver.data = make_case(steps=4)
    Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    assert len(solver.solved) == 2


def test_half_a_file_is_solved_again(solver, tmp_path):
    Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    (file,) = tmp_path.glob("*.nc")
    file.write_bytes(file.read_bytes()[:500])
    Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    assert len(solver.solved) == 2


def test_an_interrupted_solve_ends_the_reproduction_and_is_not_kept(solver, tmp_path):
    solver.status = "interrupted"
    with pytest.raises(KeyboardInterrupt):
        Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    assert not list(tmp_path.iterdir())


def test_closed_runs_give_what_is_kept_and_solve_nothing(solver, tmp_path):
    Runs("t30d2", tmp_path, print).result(recipes.case_1(0))
    runs = Runs("t30d2", tmp_path, print)
    runs.close()
    assert runs.result(recipes.case_1(0)).status == "converged"
    with pytest.raises(NotRunError, match="distribution-only"):
        runs.result(recipes.case_2(0))
    with pytest.raises(NotRunError, match="losses"):
        runs.measured("losses", recipes.case_1(0), lambda: xr.Dataset())
    assert len(solver.solved) == 1


def test_an_interrupted_reproduction_judges_what_is_there(solver, monkeypatch, tmp_path):
    topics, lines = chosen_topics(["wall_seconds"]), []
    names = [name for topic in topics for name in topic.claims]
    first = module.reproduce("t118d10", lines.append, [0], tmp_path, names)[-1]
    assert (first["ours"], first["seed"], first["holds"]) == ("20 s", "9,613 s, serial", True)
    assert lines[0] == "solve 1 of 1: seed-0_certify-True"
    solver.status = "interrupted"
    rows = module.reproduce("t118d10", lines.append, [0], tmp_path, ["wall_seconds", "cost_1_2"])
    notes = {row["name"]: row["note"] for row in rows}
    assert "interrupted; the same command continues from here" in lines
    assert (notes["cost_1_2"], notes["wind_cost"]) == (module.INTERRUPTED, module.LEFT_OUT)
    assert rows[-1]["ours"] == "20 s"


def test_a_solve_that_fails_is_not_tried_again(solver, monkeypatch):
    tried, lines = [], []

    def failing(study, method, **options):
        tried.append(1)
        raise SolverError("The master failed.")

    monkeypatch.setattr("ambigrid.solving.solve", failing)
    row = module.reproduce("t30d2", lines.append, [0], None, ["wall_seconds"])[-1]
    assert (row["ours"], row["note"]) == ("not judged", "The master failed.")
    assert lines[-1] == "seed-0_certify-True failed: The master failed."
    assert len(tried) == 1


def test_measurements_are_made_once_and_kept(solver, tmp_path):
    made = []

    def measure():
        made.append(1)
        return xr.Dataset({"shedding": ("plan", [1.0, 2.0])})

    for _ in range(2):
        runs = Runs("t30d2", tmp_path, print)
        found = runs.measured("losses", recipes.case_1(0), measure)
    assert len(made) == 1
    assert found["shedding"].values.tolist() == [1.0, 2.0]


# --- the common set -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned():
    study = EVFlexibility(make_case())
    return study, solve(study, CutSharing(), certify=False)


def test_a_common_set_is_every_call_and_scenario(planned):
    study, result = planned
    feeder = study.distributions[0]
    agent = study.agents()[feeder]
    up = result.dispatch[f"{feeder}/boundary_reserve_up"].to_numpy()
    down = result.dispatch[f"{feeder}/boundary_reserve_down"].to_numpy()
    patterns = np.array([[1.0, 1, 1], [-1.0, -1, -1]])
    common = CommonSet(study)
    relative = common.relative(result, {feeder: patterns})
    absolute = common.absolute(result, {feeder: np.array([up, -down])})
    xr.testing.assert_allclose(relative, absolute)
    assert plan_vector(result, agent).shape == (agent.program.first_stage.size,)
    assert beyond_offer(result, {feeder: np.array([up, -down])}) == pytest.approx(0.0, abs=1e-9)
    assert offered(result, [feeder], "up") == pytest.approx(up.sum())


def test_calls_beyond_what_was_bought_are_violations(planned):
    study, result = planned
    feeder = study.distributions[0]
    common = CommonSet(study)
    none = common.absolute(result, {feeder: np.zeros((1, 3))})
    far = common.absolute(result, {feeder: np.full((1, 3), 50.0)})
    assert float(far["boundary_violation"]) > float(none["boundary_violation"]) + 100.0
    assert beyond_offer(result, {feeder: np.full((1, 3), 50.0)}) > 40.0


def test_more_calls_never_look_better(planned):
    study, result = planned
    feeder = study.distributions[0]
    calls = found_calls([result], feeder)
    patterns = found_patterns([result, result], feeder)
    assert len(patterns) == len(found_patterns([result], feeder))
    common = CommonSet(study)
    few = common.absolute(result, {feeder: calls[:1]})
    many = common.absolute(result, {feeder: np.concatenate([calls, -calls])})
    for loss in claims_losses():
        assert float(many[loss]) >= float(few[loss]) - 1e-9


def test_plans_are_compared_on_the_calls_of_all(planned):
    study, result = planned
    runs = SimpleNamespace(
        account=ACCOUNTS["t30d2"],
        study=lambda recipe: study,
        result=lambda recipe: result,
        measured=lambda name, recipe, measure: measure(),
    )
    losses = worst_cases.stochastic_losses(runs, 0)
    assert losses["shedding"].dims == ("calls", "plan")
    assert losses["plan"].values.tolist() == ["ARO-DRO", "ARO-SO"]
    np.testing.assert_allclose(losses["shedding"][:, 0], losses["shedding"][:, 1])
    rows = worst_cases.against_stochastic(runs, SEEDS)
    assert [row.holds for row in rows] == [False] * 6


@pytest.mark.slow
def test_the_real_thing(tmp_path):
    rows = {row["name"]: row for row in module.reproduce("t30d2", print, folder=tmp_path)}
    assert rows["gap_to_centralized"]["value"] <= 0.005
    assert all(rows[name]["holds"] for name in ("cost_1_2", "cost_2_3", "cost_dro_ro"))
    assert all(row["note"] != "" or row["holds"] is not False for row in rows.values())
