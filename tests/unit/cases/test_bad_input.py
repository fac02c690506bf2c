"""Bad input through the command line, end to end: one sentence, exit status 2, no traceback."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from test_validation import CASES, value
from typer.testing import CliRunner

import ambigrid as ag
from ambigrid.cases import feasibility
from ambigrid.cases.netcdf import write_case
from ambigrid.cli import app
from ambigrid.coordination.local import LocalAgent
from ambigrid.engines.highs import PersistentProgram
from ambigrid.errors import SolverError

JSON = pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments, as_json=False):
    return CliRunner().invoke(app, [*map(str, arguments), *(["--json"] if as_json else [])])


def check_refused(done, folder, words):
    """One line on standard error: what, where, got, next step; nothing else."""
    assert done.exit_code == 2, done.exception
    assert done.stdout == ""
    assert done.stderr.startswith("ambigrid: ")
    assert done.stderr.endswith(".\n")
    assert done.stderr.count("\n") == 1
    assert not any(word in done.stderr for word in ("Traceback", "np.", ".."))
    assert words in done.stderr
    assert not (folder / "results").exists()


SPOILT = (
    *("missing variable", "wrong dims", "unknown bus of a unit", "unknown bus of a station"),
    *("NaN samples", "disconnected feeder", "meshed feeder", "negative line limit"),
    *("negative branch limit", "infeasible demand", "ramps", "empty scenarios", "half a session"),
)
"""The rest of `CASES` is checked where the checks are."""


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_file(small_case, folder, name):
    spoil, sentence = CASES[name]
    write_case(spoil(small_case), folder / "spoilt.nc")
    for as_json in (False, True):
        done = call("run", "spoilt.nc", as_json=as_json)
        check_refused(done, folder, sentence.removeprefix("case: "))
        assert done.stderr.startswith("ambigrid: spoilt.nc: ")


FILES = {
    "truncated": (lambda whole: whole[: len(whole) // 2], "cannot be read as NetCDF"),
    "only the signature": (lambda whole: whole[:16], "cannot be read as NetCDF"),
    "empty": (lambda whole: b"", "got 0 bytes"),
    "text": (lambda whole: b"bus,load\n1,3\n", "it may be truncated or of another kind"),
}


@JSON
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_case(small_case, folder, name, as_json):
    cut, words = FILES[name]
    write_case(small_case, folder / "whole.nc")
    (folder / "cut.nc").write_bytes(cut((folder / "whole.nc").read_bytes()))
    check_refused(call("run", "cut.nc", as_json=as_json), folder, words)


LINES = {
    "run absent.nc": "absent.nc: there is no such case file. Give the path of a case file",
    "run t30": "t30: there is no such case file.",
    "run {case} --radius=-1": "--radius: a radius is a number of at least 0",
    "run {case} --radius transmission=10,distribution=-1": "--radius: a radius is a number",
    "run {case} --radius transmission=10,feeder=1": "feeder",
    "run {case} --method newton": "--method: there is no such choice; got 'newton'. Choose one",
    "run {case} --relaxation 3": "ADMM relaxation: value out of range; got 3.0.",
    "run {case} --time-limit=-1": "--time-limit: the value must be positive; got -1.0.",
    "run {case} --seed 3": "apply to built-in systems only. Leave them out",
    "run {case} --resume absent.npz": "absent.npz: this checkpoint cannot be read",
    "evaluate {case}": "holds no result",
    "plot {case}": "holds no result",
}


@JSON
@pytest.mark.parametrize("line", LINES)
def test_a_line_that_cannot_be_meant(small_case, folder, line, as_json):
    write_case(small_case, folder / "good.nc")
    done = call(*line.format(case="good.nc").split(), as_json=as_json)
    check_refused(done, folder, LINES[line])


def test_nothing_else_comes_from_the_process_itself(small_case, folder):
    write_case(small_case, folder / "whole.nc")
    (folder / "cut.nc").write_bytes((folder / "whole.nc").read_bytes()[:3000])
    command = [sys.executable, "-c", "from ambigrid.cli import main; main()", "run", "cut.nc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("ambigrid: cut.nc: the file cannot be read as NetCDF")
    assert done.stderr.count("\n") == 1


# What passes the checks and still has no solution, or a solver that fails ------------------


def ends(folder, *options):
    """Run the case; give back what was printed and the result that was written."""
    done = call("run", "case.nc", *options, as_json=True)
    assert done.exit_code == 1, done.exception
    assert "Traceback" not in done.stderr
    printed = json.loads(done.stdout)
    result = ag.load_result(folder / "results" / "case.nc")
    assert printed["status"] == result.status
    assert (folder / "results" / "case.png").stat().st_size > 0
    assert str(result.status) in result.report()
    return printed, result


def tightest_limit(tree, line):
    """Least limit of a line, MW, with which a schedule exists."""
    tight = value("transmission", "line_flow_limit", 1.0, line=line)(tree)
    groups = {name: child.to_dataset() for name, child in tree.children.items()}
    data = tight["transmission"].to_dataset()
    excess = feasibility._least_violation(data, feasibility._demand(data, groups), 1.0)[-1]
    return 1.0 + float(excess.max())


@pytest.mark.parametrize("method", ["admm", "cut-sharing", "centralized"])
def test_an_infeasible_first_stage_names_the_rows(small_case, folder, method):
    """A limit too small by less than rounding in a file may do, but by more than solvers do."""
    limit = tightest_limit(small_case, "L1") - 5e-5
    spoil = value("transmission", "line_flow_limit", limit, line="L1")
    write_case(spoil(small_case), folder / "case.nc")
    printed, result = ends(folder, "--method", method)
    assert printed["status"] == "infeasible"
    assert printed["objective"] is None
    assert "transmission: The first-stage constraints cannot hold together." in printed["message"]
    assert "side=forward, line=L1] by 5e-05" in printed["message"]
    report = result.report()
    assert "no decision satisfies every constraint" in report
    assert "decision below" not in report


@pytest.mark.parametrize(
    ("name", "row"), [("ramps", "balance[time="), ("demand behind a line", "line_limit[time=")]
)
def test_an_infeasible_case_that_nobody_checked(small_case, name, row):
    study = ag.EVFlexibility(CASES[name][0](small_case))
    result = ag.solve(study)
    assert result.status is ag.Status.INFEASIBLE
    assert row in result.attribute("message")


def test_a_time_limit_is_no_error(small_case, folder):
    write_case(small_case, folder / "case.nc")
    printed, _ = ends(folder, "--time-limit", "0.05", "--gap", "1e-9")
    assert printed["status"] == "time_limit"
    assert printed["certified"] is False


@pytest.mark.parametrize("question", ["propose", "follow"])
def test_a_solver_failure_is_no_traceback(small_case, folder, monkeypatch, question):
    write_case(small_case, folder / "case.nc")
    answer = LocalAgent.answer

    def fail(self, request, budget):
        if request.question == question:
            raise SolverError("HiGHS could not solve a program of shape (3, 4): Solve error.")
        return answer(self, request, budget)

    monkeypatch.setattr(LocalAgent, "answer", fail)
    printed, _ = ends(folder)
    assert printed["status"] == "error"
    assert "HiGHS could not solve" in printed["message"]
    assert (printed["bound"] is not None) == (question == "follow")


@pytest.mark.parametrize("after", [0, 10, 200])
def test_an_engine_that_fails_from_some_solve_on(small_case, folder, monkeypatch, after):
    """Whatever was being solved, and again when what was found is to be labelled."""
    write_case(small_case, folder / "case.nc")
    solve, count = PersistentProgram.solve, []

    def fail(self, time_limit=np.inf):
        count.append(1)
        if len(count) > after:
            raise SolverError("HiGHS could not solve a program of shape (3, 4): Solve error.")
        return solve(self, time_limit)

    monkeypatch.setattr(PersistentProgram, "solve", fail)
    printed, _ = ends(folder, "--gap", "1e-7")
    assert printed["status"] == "error"
    assert "HiGHS could not solve" in printed["message"]
