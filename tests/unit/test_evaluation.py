"""Plans operated on held-out days: values, causality, sums, statistics, refusals."""

import json

import numpy as np
import pytest
import xarray as xr
from studies.small_case import make_case
from typer.testing import CliRunner

from ambigrid.algorithms.recourse import RecourseProgram, Vertex
from ambigrid.ambiguity import Empirical
from ambigrid.cases import case_hash, load_case, save_case
from ambigrid.cli import app
from ambigrid.cli.after import _own_case
from ambigrid.cli.common import parse_days
from ambigrid.errors import InputError
from ambigrid.evaluation import evaluate, load_evaluation, read_held_out
from ambigrid.evaluation.evaluation import cvar
from ambigrid.evaluation.held_out import spread_days
from ambigrid.evaluation.operation import DayProgram
from ambigrid.files import write_tree
from ambigrid.results import Result, load_result
from ambigrid.solving import solve
from ambigrid.studies.ev_flexibility import EVFlexibility

DAYS = np.array(["2030-02-01", "2030-02-02", "2030-02-03", "2030-02-04"], dtype="datetime64[ns]")
STEPS = 6


def with_days(case: xr.DataTree, spread: float = 1.0) -> xr.DataTree:
    """Add held-out days around the forecast, and two sessions per station to the feeder."""
    random = np.random.default_rng(3)
    for name, width in (("transmission", 14.0), ("distribution_1", 0.45)):
        data = case[name].to_dataset()
        error = spread * width * random.uniform(-1, 1, (len(DAYS), 1, data.sizes["time"]))
        values = data["renewable_forecast"].to_numpy() + error
        data["renewable_held_out"] = ("day", "unit", "time"), values
        case[name] = xr.DataTree(data.assign_coords(day=DAYS))
    case["distribution_1"] = xr.DataTree(with_sessions(case["distribution_1"].to_dataset()))
    return case


def with_sessions(data: xr.Dataset) -> xr.Dataset:
    first, count = data["time"].to_numpy()[0], 4
    leave = first + np.timedelta64(60 * data.sizes["time"], "m")
    need = float(data["ev_energy_min"].isel(time=-1, station=0)) / 2
    values = {
        "station": np.repeat(data["station"].to_numpy(), 2),
        "arrival": np.full(count, first),
        "departure": np.full(count, leave),
        "energy": np.full(count, need),
        "request": np.full(count, need),
        "power_max": np.ones(count),
        "power_min": np.zeros(count),
        "capacity": np.full(count, 100.0),
        "initial": np.zeros(count),
    }
    return data.assign({f"session_{name}": ("session", value) for name, value in values.items()})


@pytest.fixture(scope="module")
def case():
    return with_days(make_case(steps=STEPS))


@pytest.fixture(scope="module")
def result(case):
    return solve(EVFlexibility(case, ambiguity=Empirical()), certify=False)


@pytest.fixture(scope="module")
def two_stage(result, case):
    return evaluate(result, case)


@pytest.fixture(scope="module")
def rolling(result, case):
    return evaluate(result, case, "rolling", days="all")


@pytest.fixture(scope="module")
def planned(result, case):
    """Agents and their plans."""
    return {
        name: (agent, agent.program.pack(result.dispatch[name].to_dataset()))
        for name, agent in EVFlexibility(case).agents().items()
    }


def test_pack_is_the_inverse_of_unpack(planned):
    agent, x = planned["transmission"]
    labelled = agent.program.unpack(x)
    shuffled = labelled.isel(time=slice(None, None, -1)).transpose("time", ...)
    assert np.array_equal(agent.program.pack(shuffled), x)
    rows = np.array([x, 2 * x])
    several = agent.program.first_stage.labels.unpack(rows, xr.DataArray([7, 8], dims="day"))
    assert np.array_equal(agent.program.first_stage.labels.pack(several, "day"), rows)


def test_a_day_costs_what_the_recourse_program_says(planned, case, two_stage):
    agent, x = planned["transmission"]
    program, days = RecourseProgram(agent.program), case["transmission/renewable_held_out"]
    for day in DAYS:
        outcome = days.sel(day=day).to_numpy().ravel()
        value = program.value(x, Vertex(outcome, np.zeros(0, dtype=np.int8))).value
        found = two_stage.days["recourse_cost"].sel(agent="transmission", day=day)
        assert float(found) == pytest.approx(value, rel=1e-7, abs=1e-6)
    expected = agent.program.first_stage_cost(x) + agent.constant
    cost = two_stage.days["first_stage_cost"].sel(agent="transmission")
    assert float(cost) == pytest.approx(expected)


def test_feeders_follow_the_calls_of_the_day(result, two_stage):
    called = two_stage.calls["distribution_1"]["boundary_call"]
    plan = result.dispatch["distribution_1"].to_dataset()
    assert called.dims == ("day", "time")
    assert bool((called <= plan["boundary_reserve_up"] + 1e-6).all())
    assert bool((called >= -plan["boundary_reserve_down"] - 1e-6).all())
    assert float(abs(called).max()) > 1e-3


def test_worst_calls_cost_a_feeder_most(result, case, two_stage):
    cost = {
        calls: evaluate(result, case, calls=calls).days["cost"].sel(agent="distribution_1")
        for calls in ("worst", "none")
    }
    requested = two_stage.days["cost"].sel(agent="distribution_1")
    assert bool((cost["worst"] >= requested - 1e-6).all())
    assert bool((cost["worst"] >= cost["none"] - 1e-6).all())
    assert float((cost["worst"] - cost["none"]).max()) > 1e-3


def test_knowing_the_day_never_costs_more(two_stage, rolling):
    days = rolling.days
    assert bool((days["foresight_cost"] <= days["recourse_cost"] + 1e-6).all())
    transmission = {"agent": "transmission"}
    known = two_stage.days["recourse_cost"].sel(transmission)
    assert np.allclose(days["foresight_cost"].sel(transmission), known)


def test_stations_spent_too_early_cost_more_than_foresight(planned, case):
    """Two stations hold back 1 MWh each; up calls of 2 MW in all six hours.

    Loads can shed 1.5 MW. With foresight, stations save 0.5 MW in four of the hours; hour by hour
    they are empty after the first, and the boundary is violated in the five others.
    """
    program = planned["distribution_1"][0].program
    forecast = case["distribution_1/renewable_forecast"].to_numpy().ravel()
    day, call = DayProgram(program, program.first_stage.upper), np.full(STEPS, 2.0)
    for done, violated in (
        (day.whole_day(forecast, call), 2 * 0.5),
        (day.hour_by_hour(forecast, call, forecast), 5 * 0.5),
    ):
        recourse = program.unpack(done, "recourse")
        assert float(recourse["boundary_violation_up"].sum()) == pytest.approx(violated)


@pytest.mark.parametrize("name", ["transmission", "distribution_1"])
def test_hour_by_hour_is_feasible_and_knows_only_the_past(planned, case, name):
    agent, x = planned[name]
    program, random = agent.program, np.random.default_rng(5)
    day = DayProgram(program, x)
    days = case[name]["renewable_held_out"].to_numpy().reshape(len(DAYS), -1)
    call = program.call(x, random.choice([-1, 1], program.adversarial.size))
    done = day.hour_by_hour(days[0], call, days.mean(axis=0))

    lower, upper = program.second_rows.bounds(program.recourse_rhs(x, call, days[0]))
    assert bool((program.W @ done >= lower - 1e-6).all())
    assert bool((program.W @ done <= upper + 1e-6).all())
    assert bool((done >= program.recourse.lower - 1e-6).all())
    assert bool((done <= program.recourse.upper + 1e-6).all())

    other = days[0].copy()
    other[STEPS // 2 :] = days[1][STEPS // 2 :]
    changed = DayProgram(program, x).hour_by_hour(other, call, days.mean(axis=0))
    before, after = (program.unpack(y, "recourse").isel(time=slice(STEPS // 2)) for y in
                     (done, changed))  # fmt: skip
    xr.testing.assert_allclose(before, after, atol=1e-6)


def test_nothing_uncertain_breaks_nothing():
    certain = with_days(make_case(steps=STEPS), spread=0.0)
    for name in ("transmission", "distribution_1"):
        data = certain[name].to_dataset()
        same = data["renewable_forecast"].broadcast_like(data["renewable_samples"])
        certain[name] = xr.DataTree(data.assign(renewable_samples=same))
    plan = solve(EVFlexibility(certain, ambiguity=Empirical(), mode="distribution_only"))
    found = evaluate(plan, certain, "rolling", days="all")
    assert float(found.violations["probability"].max()) == 0.0
    assert np.allclose(found.days["recourse_cost"], found.days["foresight_cost"], atol=1e-6)
    assert float(abs(found.statistics["disappointment"]).max()) < 1e-3 * plan.objective
    assert float(found.service["distribution_1"]["unserved"]) == pytest.approx(0.0, abs=1e-6)


def test_totals_are_sums_and_statistics_count_every_day_the_same(two_stage):
    days, agents = two_stage.days, ["transmission", "distribution_1"]
    assert list(days["agent"].to_numpy()) == [*agents, "total"]
    for name in ("cost", "recourse_cost", "first_stage_cost", "promised"):
        summed = days[name].sel(agent=agents).sum("agent")
        assert np.allclose(summed, days[name].sel(agent="total"))
    assert np.allclose(days["cost"], days["first_stage_cost"] + days["recourse_cost"])
    statistics, cost = two_stage.statistics, days["cost"]
    assert np.allclose(statistics["mean"], cost.mean("day"))
    assert np.allclose(statistics["cvar_95"], cost.max("day"))
    assert np.allclose(statistics["disappointment"], statistics["mean"] - days["promised"])
    assert np.allclose(statistics["share_above"], (cost > days["promised"]).mean("day"))


def test_violations_are_shares_of_days(two_stage):
    days, violations = two_stage.days, two_stage.violations
    lost = days["lost_power"].sel(agent="transmission", loss="curtailment")
    own = violations.sel(agent="transmission", loss="curtailment")
    assert float(own["probability"]) == pytest.approx(float((lost > 1e-6).mean()))
    assert bool(violations["probability"].sel(agent="transmission", loss="boundary_violation")
                .isnull())  # fmt: skip
    assert float(own["highest"]) <= STEPS * float(lost.max()) + 1e-9


def test_cvar_takes_part_of_a_day():
    assert cvar(np.arange(1.0, 31.0)) == pytest.approx((30 + 0.5 * 29) / 1.5)
    assert cvar(np.array([3.0])) == 3.0
    assert cvar(np.array([1.0, 2.0]), level=0.0) == 1.5


def test_stations_carry_out_profiles_that_sessions_take(rolling, case):
    found = rolling.stations["distribution_1"]
    feeder = case["distribution_1"].to_dataset()
    energy = found["station_power"].cumsum("time")
    assert bool((energy >= feeder["ev_energy_min"] - 1e-6).all())
    assert bool((energy <= feeder["ev_energy_max"] + 1e-6).all())
    assert float(found["unserved"].max()) == pytest.approx(0.0, abs=1e-6)
    assert float(found["deviation"].max()) == pytest.approx(0.0, abs=1e-6)


def test_other_days_may_be_given(result, case, two_stage, tmp_path):
    names = ("transmission", "distribution_1")
    own = {f"/{n}": case[n].to_dataset()[["renewable_held_out"]] for n in names}
    path = write_tree(xr.DataTree.from_dict(own), tmp_path / "held_out.nc")
    same = evaluate(result, case, samples=read_held_out(path))
    assert np.allclose(same.days["cost"], two_stage.days["cost"])
    assert "days given" in same.report()
    two = evaluate(result, case, samples=read_held_out(path), days=2)
    assert list(two.days["day"].to_numpy()) == list(DAYS[[1, 3]])


def test_days_are_spread_evenly():
    assert spread_days(183, 20).tolist()[:3] == [4, 13, 22]
    assert spread_days(5, 5).tolist() == list(range(5))
    assert spread_days(3, "all").tolist() == [0, 1, 2]


def test_it_is_saved_read_told_and_drawn(rolling, tmp_path):
    again = load_evaluation(rolling.save(tmp_path / "days.nc"))
    xr.testing.assert_allclose(again.days, rolling.days)
    summary = json.loads(json.dumps(again.summary(), allow_nan=False))
    assert summary["number_of_days"] == len(DAYS)
    assert summary["cost"]["total"]["mean"] == pytest.approx(
        float(rolling.days["cost"].sel(agent="total").mean())
    )
    assert set(summary["violations"]["distribution_1"]) >= {"boundary_violation", "shedding"}
    assert summary["stations"]["distribution_1"]["unserved"] == pytest.approx(0.0, abs=1e-6)
    assert "hour by hour" in again.report()
    assert len(again.plot().axes) == 2


def groups_of(case, change):
    """Held-out days of the case with those of the feeder changed."""
    days = {n: case[n].to_dataset()[["renewable_held_out"]] for n in case.children}
    days["distribution_1"] = change(days["distribution_1"])
    return xr.DataTree.from_dict({f"/{name}": data for name, data in days.items()})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.rename(unit="park"), r"got \(day, park, time\). Rename or add the dims."),
        (lambda d: d.drop_vars("renewable_held_out"), "no held-out days for this operator"),
        (lambda d: d.assign_coords(unit=["W9"]), "units are not those of the case; got W9. Give W"),
        (lambda d: d.isel(time=slice(2)), "distribution_1/renewable_held_out, time: the time step"),
        (lambda d: d + 5, "day .*, unit W2: available power must lie between zero and the unit's"),
        (lambda d: d - 9, "available power must lie between zero"),
        (lambda d: d.isel(day=slice(2)), "day k must be the same day for every operator"),
        (lambda d: d * np.nan, "available power must lie between zero"),
    ],
)
def test_wrong_samples_are_refused(result, case, change, words):
    with pytest.raises(InputError, match=words):
        evaluate(result, case, samples=groups_of(case, change))


def test_a_result_of_another_case_is_refused(result):
    other = with_days(make_case(steps=STEPS, tariff=("time", np.full(STEPS, 7.0))))
    with pytest.raises(InputError, match=r"belongs to another case: the data hashes differ; got"):
        evaluate(result, other)


def planned_from(case, folder):
    """A result file that knows all about its case and holds nothing else."""
    from ambigrid.coordination import ADMM
    from ambigrid.outcome import facts_of
    from ambigrid.session import Limits

    limits = Limits(5e-3, np.inf, True, 60.0, np.inf)
    facts = facts_of(EVFlexibility(case), ADMM(), "highs", limits)
    facts["data_hash"] = case_hash(case)
    return load_result(Result.from_groups({**facts, "status": "optimal"}, {}).save(folder / "r.nc"))


@pytest.mark.parametrize("saved", ["not", "by hand", "as a case"])
def test_evaluate_makes_the_built_in_case_of_a_result_again(tmp_path, saved):
    """Seed, wind penetration and number of scenarios are those of the case, wherever it was."""
    case = load_case("t30d2", seed=2, wind_penetration=0.6123, scenarios=3)
    if saved != "not":
        save_case(case, tmp_path / "case.nc")
    if saved == "by hand":
        case = xr.open_datatree(tmp_path / "case.nc", engine="h5netcdf").load()
    if saved == "as a case":
        case = load_case(tmp_path / "case.nc")
    result = planned_from(case, tmp_path)
    assert case_hash(_own_case(result)) == result.attribute("data_hash")


def test_a_case_changed_by_hand_is_told_how_to_give_it(tmp_path):
    case = load_case("t30d2", scenarios=2)
    case["transmission/load"] = 0.99 * case["transmission/load"]
    planned_from(case, tmp_path)
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path / "r.nc")])
    assert done.exit_code == 2
    assert "the result belongs to another case: the data hashes differ" in done.stderr
    assert "with ambigrid.save_case, and give that file with --case" in done.stderr


def test_a_result_without_a_plan_is_refused(result, case):
    empty = Result(result.tree.filter(lambda node: not node.path.startswith("/dispatch")))
    with pytest.raises(InputError, match=r"/dispatch/transmission: this result .* holds no plan"):
        evaluate(empty, case)
    tree = result.tree.copy()
    tree["dispatch/transmission"] = xr.DataTree(
        tree["dispatch/transmission"].to_dataset().drop_vars("reserve_up")
    )
    with pytest.raises(InputError, match="/dispatch/transmission/reserve_up: the variable is miss"):
        evaluate(Result(tree), case)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policy": "best"}, "unknown policy; got best. Use one of two-stage, rolling"),
        ({"calls": "all"}, "unknown calls; got all."),
        ({"days": 9}, "number of days must lie between 1 and 4; got 9."),
    ],
)
def test_unknown_options_are_refused(result, case, options, words):
    with pytest.raises(InputError, match=words):
        evaluate(result, case, **options)


def test_the_command_prints_saves_and_draws(result, case, tmp_path, monkeypatch):
    monkeypatch.setattr("ambigrid.cases.load_case", lambda name, *, seed=0: case)
    path = result.save(tmp_path / "mine.nc")
    done = CliRunner().invoke(app, ["evaluate", str(path), "--json", "--days", "2"])
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert (printed["policy"], printed["number_of_days"]) == ("two-stage", 2)
    assert printed["files"]["picture"] == str(tmp_path / "mine-two-stage.png")
    assert load_evaluation(printed["files"]["evaluation"]).policy == "two-stage"
    rolling = CliRunner().invoke(
        app, ["evaluate", str(path), "--policy", "rolling", "--days", "all", "--no-plot"]
    )
    assert "known in advance" in rolling.stdout
    assert not (tmp_path / "mine-rolling.png").exists()


def test_parse_days():
    assert [parse_days(text) for text in (None, "all", "7")] == [None, "all", 7]
    with pytest.raises(InputError, match=r"--days: .* got '0'"):
        parse_days("0")
