"""Benchmarks: what is computed from measurements, what is kept, and that peers get our problem."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

import benchmarks.__main__ as command
from ambigrid.coordination import ADMM
from benchmarks import growth, peers, required, timing
from benchmarks.fresh import Bench, Task
from benchmarks.linopy_peer import solve_extensive
from benchmarks.own import solve_own
from benchmarks.report import Report, Table

SMALL = {"distributions": 1, "scenarios": 2, "seed": 0}


def record(feeders, wall, **other):
    return {
        "feeders": feeders, "scenarios": 20, "agents": feeders + 1, "status": "converged",
        "gap": 0.004, "wall_seconds": wall, "iterations": 10, "case_seconds": 1.0,
        "build_seconds": 2.0, "build_processor_seconds": 2.0, "call_seconds": wall + 1.0,
        "processor_seconds": 2 * wall, "peak_memory_mb": 200.0 + 7.0 * feeders,
        "agent_seconds": {"transmission": 1.0, "distribution_1": 3.0}, **other,
    }  # fmt: skip


class FakeBench:
    """Measurements made up from the size alone."""

    def __init__(self, exponent, **other):
        self.exponent, self.other, self.asked = exponent, other, []

    def measure(self, task):
        self.asked.append(task)
        size = task.arguments["distributions"] * task.arguments["scenarios"]
        return record(task.arguments["distributions"], size**self.exponent, **self.other)


# --- growth -------------------------------------------------------------------------------------


def test_a_slope_is_the_exponent_of_a_power_law():
    assert growth.slope([2, 5, 10], [3 * n**1.3 for n in (2, 5, 10)]) == pytest.approx(1.3)
    assert np.isnan(growth.slope([2], [3.0]))


def test_memory_per_agent_is_the_slope_of_a_line():
    records = [record(n, 1.0) for n in (2, 5, 10)]
    assert growth.memory_per_agent(records) == pytest.approx((7.0, 193.0))


def rows_of(bench, tmp_path):
    report = growth.growth(growth.Sweep(), bench)
    report.write(tmp_path)
    assert (tmp_path / "growth.png").is_file()
    assert json.loads((tmp_path / "growth.json").read_text())["records"]
    return {row[0]: row[1:] for row in report.tables[-1].rows}


@pytest.mark.parametrize(("exponent", "verdict"), [(1.1, "met"), (1.3, "missed")])
def test_the_required_slope_is_judged(exponent, verdict, tmp_path):
    bench = FakeBench(exponent)
    rows = rows_of(bench, tmp_path)
    for size in ("feeders", "scenarios"):
        assert rows[f"coordination, wall time, against {size}"] == (
            f"exponent {exponent:.2f}", "at most 1.2", verdict,
        )  # fmt: skip
    asked = [(t.arguments["distributions"], t.arguments["scenarios"]) for t in bench.asked]
    assert asked == [(n, 20) for n in (2, 5, 10, 20, 50)] + [(10, s) for s in (5, 10, 20, 40)]
    assert len({task.name for task in bench.asked}) == len(set(asked)) == 8


def test_sizes_that_were_not_solved_miss_what_is_required(tmp_path):
    rows = rows_of(FakeBench(1.0, status="time_limit"), tmp_path)
    assert rows["coordination, wall time, against feeders"][-1] == "missed: 5 sizes were not solved"
    failed = rows_of(FakeBench(1.0, status="", failed="not within 1 s"), tmp_path)
    assert "missed" in failed["coordination, wall time, against scenarios"][-1]


# --- fresh processes ----------------------------------------------------------------------------


def test_measurements_are_made_in_another_process_and_kept(tmp_path):
    task = Task("parse", "benchmarks.fresh:resident", {"kind": "VmRSS"})
    bench = Bench(tmp_path, 60.0)
    first = bench.measure(task)
    assert first["resident_mb"] > 10.0
    assert first["peak_memory_mb"] >= first["resident_mb"]
    assert bench.measure(task) == first
    again = bench.measure(replace(task, arguments={"kind": "VmHWM"}))
    assert again["mark"] != first["mark"]


def test_a_measurement_that_fails_or_takes_too_long_says_so(tmp_path):
    broken = Task("broken", "benchmarks.fresh:resident", {"kind": "Nonsense"})
    assert "has no Nonsense" in Bench(tmp_path, 60.0).measure(broken)["failed"]
    slow = Task("slow", "benchmarks.fresh:resident", {"kind": "VmRSS"})
    assert Bench(tmp_path, 0.01).measure(slow)["failed"] == "not within 0 s"


# --- peers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "hours", "method"),
    [("operator", 2, "benders"), ("ignored", 2, "cut-sharing"), ("listed", 2, "centralized")],
)
def test_the_extensive_form_in_linopy_is_our_problem(kind, hours, method):
    problem = {**SMALL, "kind": kind, "hours": hours}
    peer = solve_extensive(solver="simplex", time_limit=60.0, **problem)
    ours = solve_own(method=method, gap=1e-6, time_limit=60.0, **problem)
    assert peer["status"] == ours["status"] == "optimal"
    assert ours["objective"] == pytest.approx(peer["objective"], rel=2e-6)


def test_rsome_gets_our_problem():
    pytest.importorskip("rsome", reason="RSOME is not installed (extra test)")
    from benchmarks.rsome_peer import solve_rsome

    problem = {**SMALL, "kind": "operator", "hours": 2}
    ours = solve_own(method="extensive", gap=1e-6, time_limit=60.0, **problem)
    theirs = solve_rsome(time_limit=60.0, **problem)
    assert theirs["objective"] == pytest.approx(ours["objective"], rel=1e-6)


def contenders(kind):
    size = peers.Size()
    return {one.name: one for one in peers.contenders(size.problem(kind), size)}


def test_what_peers_cannot_do_is_said():
    whole = contenders("full")
    assert "167,772,160 copies" in whole["linopy + HiGHS (ipm)"].reason
    assert whole["RSOME"].reason.startswith("cannot: the box of calls is a decision")
    assert all(one.task for one in whole.values() if one.own)
    assert contenders("listed")["linopy + HiGHS (simplex)"].task is not None
    assert {one.name for one in contenders("operator").values() if one.own} == {
        "ambigrid extensive", "ambigrid column_constraint", "ambigrid benders",
    }  # fmt: skip


class FakePeers:
    """Every solver finds 100 $, but for those named otherwise."""

    def __init__(self, **objectives):
        self.objectives = objectives

    def measure(self, task):
        how = task.arguments
        name = how.get("method", how.get("solver", "rsome"))
        objective = self.objectives.get(name.replace("-", "_"), 100.0)
        return {
            "status": "optimal", "objective": objective, "bound": min(objective, 100.0) - 0.1,
            "build_seconds": 1.0, "solve_seconds": 1.0 if name == "admm" else 3.0, "note": "n",
        }  # fmt: skip


def test_objectives_are_compared_and_ratios_are_to_the_quickest_of_ours():
    report = peers.peers(peers.Size(), FakePeers(admm=100.2))
    table = {row[0]: row for row in report.tables[1].rows}
    assert report.tables[1].title.startswith("system, no calls: 2 feeders, 10 scenarios")
    assert table["ambigrid admm"][3:6] == ("1.00", "100.20", "+0.2000 %")
    assert table["linopy + HiGHS (simplex)"][3] == "2.00"
    assert not report.wrong
    assert {row[5] for row in report.tables[3].rows if row[1]} == {"no peer"}


@pytest.mark.parametrize("objectives", [{"admm": 99.0}, {"rsome": 101.0}, {"ipm": 100.1}])
def test_a_contradiction_is_marked_and_fails(objectives, monkeypatch, tmp_path, capsys):
    report = peers.peers(peers.Size(), FakePeers(**objectives))
    assert report.wrong
    assert all(peers.WRONG in words for words in report.wrong)
    monkeypatch.setitem(command.BENCHMARKS, "peers", lambda options: report)
    assert command.main(["peers", "--folder", str(tmp_path)]) == 1
    assert "wrong: " in capsys.readouterr().err


# --- required numbers ---------------------------------------------------------------------------


class FakeRuns:
    def __init__(self, **of_t118d10):
        run = {
            "status": "optimal", "objective": 100.0, "bound": 99.7, "gap": 0.003, "iterations": 9,
            "wall_seconds": 20.0, "certificate_seconds": 30.0, "build_seconds": 2.0,
            "call_seconds": 60.0, "phases": {"transmission": {"searches": 2.0, "else": 1.0}},
        }  # fmt: skip
        self.records = {"t30d2": run, "t118d10": run | of_t118d10, "import": {"seconds": 0.3}}

    def measure(self, task):
        return self.records[task.name]


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        ({"wall_seconds": 99.0}, "met, and the goal"),
        ({"wall_seconds": 101.0}, "met"),
        ({"wall_seconds": 301.0}, "missed"),
        ({"status": "time_limit"}, "missed: time_limit"),
        ({"failed": "not within 3600 s"}, "not measured: not within 3600 s"),
    ],
)
def test_required_numbers_and_goals(run, verdict):
    runs = FakeRuns(**run)
    if "failed" in run:
        runs.records["t118d10"] = run
    rows = {row[0]: row for row in required.required(runs).tables[0].rows}
    assert rows["t118d10: to `converged`"][1:3] == ("≤ 300 s", "≤ 100 s")
    assert rows["t118d10: to `converged`"][4] == verdict
    assert rows["t30d2: to `converged`"][3:] == ("20 s", "met")
    assert rows["t30d2: building, of the whole run"][3] == "3.33 %"


def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Worker:
    name = "somebody"

    def answer(self):
        spin(0.01)
        self.outer()

    def outer(self):
        spin(0.02)
        self.inner()

    def inner(self):
        spin(0.04)


def test_the_inner_phase_has_the_time():
    phases = {"outer": ((Worker, "outer"),), "inner": ((Worker, "inner"),)}
    with timing.by_phase(Worker, "answer", phases) as spent:
        Worker().answer()
        Worker().answer()
    Worker().answer()
    expected = {"else": 0.02, "outer": 0.04, "inner": 0.08}
    assert dict(spent["somebody"]) == pytest.approx(expected, rel=0.3)


# --- the command --------------------------------------------------------------------------------


def test_the_command_takes_all_or_one(monkeypatch, tmp_path, capsys):
    asked = []

    def benchmark(name):
        def run(options):
            asked.append((name, getattr(options, "method", None)))
            return Report(name, (Table("title", ("what",), (("row",),)),))

        return run

    for name in command.BENCHMARKS:
        monkeypatch.setitem(command.BENCHMARKS, name, benchmark(name))
    folder = ["--folder", str(tmp_path)]
    assert command.main(folder) == 0
    assert asked == [(name, ADMM.name) for name in command.BENCHMARKS]
    assert {path.stem for path in tmp_path.iterdir()} == set(command.BENCHMARKS)
    capsys.readouterr()
    command.main(["growth", "--method", "cut-sharing", "--json", *folder])
    assert asked[-1] == ("growth", "cut-sharing")
    assert list(json.loads(capsys.readouterr().out)) == ["growth"]
