"""`solve`: arguments, statuses, and results of runs that are cut short."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from subprocess import PIPE, Popen

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.coordination.agents import Agent
from ambigrid.coordination.certification import Certification
from ambigrid.coordination.local import LocalAgent
from ambigrid.errors import SolverError
from small_teams import SmallStudy, coupling, random_study

METHODS = (ag.ADMM(penalty=1.0), ag.CutSharing(), ag.Centralized())
BY_NAME = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


def study():
    return random_study(11)


def solve(method, **options):
    return ag.solve(study(), method, **{"threads": 2, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "cplex"}, "engine: unknown engine; got cplex. Use one of highs, julia."),
        ({"gap": 0.0}, "solve, gap: the gap must be positive; got 0.0. Give a positive number"),
        ({"gap": float("nan")}, "the gap must be positive; got nan."),
        ({"time_limit": 0}, "solve, time_limit: the time limit must be positive; got 0."),
        ({"time_limit": -1.0}, "the time limit must be positive; got -1.0."),
        ({"certificate_limit": 0.0}, "the certificate limit must be positive; got 0.0."),
        ({"threads": 0}, "solve, threads: there must be a thread; got 0. Give 1 or more."),
        ({"method": "admm"}, "solve, method: unknown method; got 'admm'. Give ADMM(), "),
        ({"method": ag.ADMM}, "solve, method: unknown method; got <class"),
        ({"executor": 3}, "solve, executor: unknown executor; got 3. Give a concurrent.futures."),
        ({"resume": "absent.npz"}, "absent.npz: this checkpoint cannot be read"),
    ],
)
def test_a_bad_argument_is_one_sentence(options, words):
    with pytest.raises(ag.InputError) as caught:
        solve(**{"method": ag.ADMM(), **options})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ag.ADMM(penalty=0.0), "ADMM penalty: value out of range; got 0.0."),
        (lambda: ag.ADMM(relaxation=2.0), "ADMM relaxation: value out of range; got 2.0."),
        (lambda: ag.ADMM(iterations=0), "ADMM iterations: value out of range; got 0."),
        (lambda: ag.CutSharing(level=1.0), "CutSharing level: value out of range; got 1.0."),
        (lambda: ag.Centralized(iterations=0), "Centralized: there must be an iteration; got 0."),
    ],
)
def test_a_bad_option_of_a_method_is_one_sentence(make, words):
    with pytest.raises(ag.InputError) as caught:
        make()
    assert words in str(caught.value)


def check_file(result, folder):
    """What there is can be saved, read, printed, summed up and drawn."""
    path = result.save(folder / "result.nc")
    again = ag.load_result(path)
    assert again.status is result.status
    assert (again.objective, again.bound) == (result.objective, result.bound)
    assert again.report() == result.report()
    assert str(result.status) in again.report()
    assert json.loads(json.dumps(again.summary(), allow_nan=False))["status"] == result.status
    assert again.plot.overview() is not None
    assert again.plot.convergence() is not None


@BY_NAME
def test_no_time_at_all_leaves_a_valid_file(method, tmp_path):
    result = solve(method, time_limit=1e-6)
    assert result.status is ag.Status.TIME_LIMIT
    assert not result.certified
    check_file(result, tmp_path)


@BY_NAME
def test_too_few_iterations_leave_a_valid_file(method, tmp_path):
    result = solve(replace(method, iterations=1), gap=1e-9)
    assert result.status is ag.Status.ITERATION_LIMIT
    check_file(result, tmp_path)


@BY_NAME
@pytest.mark.parametrize("limit", [{"time_limit": 1e-6}, {"iterations": 2}], ids=["time", "passes"])
def test_a_limit_before_any_agreement_leaves_a_decision_without_exchange(method, limit, tmp_path):
    """ADMM seeks an upper bound late; at the limit there is one all the same."""
    options = dict(limit)
    if method.name == "admm":
        method = replace(method, residual=1e-9)
    if "iterations" in options:
        method = replace(method, iterations=options.pop("iterations"))
    result = solve(method, gap=1e-9, **options)
    assert np.isfinite(result.objective)
    check_consistent(result)
    check_file(result, tmp_path)
    if method.name == "admm" or "time_limit" in limit:
        assert "this decision exchanges nothing" in result.report()
        for node in result.shared.children.values():
            data = node.to_dataset()
            assert all(float(abs(data[name]).max()) == 0 for name in ("common",) if name in data)
            prices = [data[name] for name in data if str(name).endswith("_price")]
            assert prices
            assert all(np.isnan(price).all() for price in prices)


def test_the_decision_without_exchange_tells_no_more_than_others():
    log = ag.MessageLog()
    result = solve(ag.ADMM(penalty=1.0, residual=1e-9, iterations=2), log=log)
    best = solve(ag.Centralized(), gap=1e-6)
    assert result.bound <= best.objective <= result.objective + 1e-6
    last = [message for message in log if message.iteration == 3]
    assert {message.question for message in last} == {"follow", "keep"}
    assert {name for message in last for name in message.sizes} == {
        *("shared_values", "multipliers", "bounds"),
    }


def test_without_an_upper_bound_there_is_no_decision(monkeypatch, tmp_path):
    monkeypatch.setattr(LocalAgent, "answer", failing("follow", 0))
    result = solve(ag.ADMM(penalty=1.0, residual=1e-9, iterations=2))
    assert result.status is ag.Status.ITERATION_LIMIT
    assert result.objective == np.inf
    assert np.isfinite(result.bound)
    assert result.agents == {}
    assert "dispatch" not in result.tree.children
    assert "no decision yet" in result.report()
    check_file(result, tmp_path)


class Stop:
    """Raise an error in some iteration, as if it came from outside."""

    def __init__(self, iteration, error):
        self.iteration, self.error = iteration, error

    def __call__(self, record):
        if record.iteration >= self.iteration:
            raise self.error


def check_consistent(result):
    """The objective is the cost of the decision that is kept."""
    assert "dispatch" in result.tree.children
    assert sum(result.agents.values()) == pytest.approx(result.objective, rel=1e-9)
    assert result.bound <= result.objective
    for name, node in result.shared.children.items():
        for variable, values in node.to_dataset().data_vars.items():
            if variable == "common":
                kept = result.dispatch[name]["x"].values[0]
                assert float(values[0]) == pytest.approx(kept, abs=1e-7)


@BY_NAME
def test_an_interruption_keeps_the_best_decision(method, tmp_path):
    last = 11 if method.name == "admm" else 3
    result = solve(method, gap=1e-9, progress=Stop(last, KeyboardInterrupt()))
    assert result.status is ag.Status.INTERRUPTED
    assert "interrupted by the user" in result.report()
    assert result.attribute("iterations") == last
    check_consistent(result)
    check_file(result, tmp_path)


def failing(question, after):
    """Make an agent's solver fail when it is asked a question once too often."""
    answer, asked = LocalAgent.answer, []

    def fail(self, request, budget):
        if request.question == question:
            asked.append(self.name)
            if len(asked) > after:
                raise SolverError("HiGHS could not solve a program of shape (3, 4): Solve error.")
        return answer(self, request, budget)

    return fail


@pytest.mark.parametrize(
    ("method", "question"), [(METHODS[0], "propose"), (METHODS[0], "follow"), (METHODS[1], "cost")]
)
@pytest.mark.parametrize("after", [0, 9])
def test_a_solver_failure_keeps_bounds_and_decision(monkeypatch, tmp_path, method, question, after):
    monkeypatch.setattr(LocalAgent, "answer", failing(question, after))
    result = solve(method, gap=1e-9)
    assert result.status is ag.Status.ERROR
    assert result.attribute("message").startswith("HiGHS could not solve")
    assert "HiGHS could not solve" in result.report()
    assert len(result.history["iteration"]) == result.attribute("iterations")
    if np.isfinite(result.objective):
        check_consistent(result)
    check_file(result, tmp_path)


def test_a_failure_of_the_proof_leaves_a_converged_result(monkeypatch, tmp_path):
    monkeypatch.setattr(LocalAgent, "answer", failing("certify", 0))
    result = solve(ag.ADMM(penalty=1.0))
    assert result.status is ag.Status.CONVERGED
    assert not result.certified
    assert "the proof was not finished: HiGHS" in result.attribute("message")
    check_consistent(result)
    check_file(result, tmp_path)


def uncertifiable_study():
    """Nine calls, too many to list, move a hard row, whose price has no bound."""
    calls = {"D": np.ones((2, 9)), "call_lower": (np.zeros((9, 2)), -np.ones(9))}
    program = ag.TwoStageProgram.from_matrices(
        cost=[-1.0, 0.1], recourse_cost=[1.0], W=[[-1.0], [1.0]], T=[[1.0, 0.0], [0.0, 0.0]],
        h=[0.0, 50.0], H=np.zeros((2, 1)), upper=[2.0, 2.0],
        call_upper=(np.zeros((9, 2)), np.ones(9)), **calls,
    )  # fmt: skip
    nobody = ag.Nominal(np.zeros(1))
    team = {f"agent_{k}": Agent(f"agent_{k}", "agent", program, nobody) for k in range(2)}
    return SmallStudy(team, [coupling("agent_1/link", 1, agent_0=[0], agent_1=[0])])


@BY_NAME
def test_a_program_that_cannot_be_certified_leaves_a_converged_result(method, tmp_path):
    result = ag.solve(uncertifiable_study(), method, threads=2)
    assert result.status is ag.Status.CONVERGED
    assert not result.certified
    assert result.objective == pytest.approx(18.0, rel=5e-3)
    told = result.attribute("message")
    assert told.startswith("the worst case is not proved: ")
    assert "the price of this row has no finite bound" in told
    assert told in " ".join(result.report().split())
    check_consistent(result)
    check_file(result, tmp_path)


@pytest.mark.parametrize(
    ("certify", "advice"), [(False, "run again with the proof"), (True, "please report it")]
)
def test_bounds_that_cross_after_search_and_proof_are_an_error(
    monkeypatch, tmp_path, certify, advice
):
    """A lower bound that is too high must not pass for a closed gap."""
    lagrangian = LocalAgent._lagrangian

    def too_high(self, multipliers, budget):
        return lagrangian(self, multipliers, budget) + 5.0

    monkeypatch.setattr(LocalAgent, "_lagrangian", too_high)
    shown = []
    result = solve(ag.ADMM(penalty=1.0), certify=certify, progress=shown.append)
    assert result.status is ag.Status.ERROR
    assert result.bound > result.objective
    assert result.gap > 0.005
    assert result.history["note"].values[-1] == shown[-1].note == "bounds crossed"
    assert "lies above the cost" in result.attribute("message")
    assert advice in result.attribute("message")
    check_file(result, tmp_path)


def test_bounds_that_cross_are_put_to_the_proof():
    """The quick search misses a worse call here; the run goes on and ends with the optimum."""
    study = random_study(5)
    shown = []
    result = ag.solve(study, ag.CutSharing(), gap=2e-3, threads=2, progress=shown.append)
    assert "bounds crossed" in [record.note for record in shown]
    assert result.status is ag.Status.OPTIMAL
    assert result.attribute("message") is None


def interrupted(question):
    """Press Ctrl-C when the first agent is asked a question."""
    answer, asked = LocalAgent.answer, []

    def interrupt(self, request, budget):
        if request.question == question and not asked:
            asked.append(self.name)
            raise KeyboardInterrupt
        return answer(self, request, budget)

    return interrupt


@pytest.mark.parametrize(("certify", "question"), [(True, "certify"), (False, "search")])
def test_an_interrupted_proof_is_said(monkeypatch, tmp_path, certify, question):
    """What was asked for was not done, so the command line must not exit with 0."""
    monkeypatch.setattr(LocalAgent, "answer", interrupted(question))
    result = solve(ag.ADMM(penalty=1.0), certify=certify)
    assert result.status is ag.Status.INTERRUPTED
    assert not result.status.solved
    assert not result.certified
    assert result.gap <= 5e-3
    assert "interrupted by the user during the proof: agreed on, but not proved" in result.report()
    check_consistent(result)
    check_file(result, tmp_path)


@BY_NAME
def test_coordination_goes_on_where_the_proof_finds_worse_calls(monkeypatch, method):
    """A first proof with a higher bound is not the end, nor is what it proved forgotten."""
    from ambigrid import session

    certify, proofs = session.certify_team, []

    def worse_at_first(team, agreement, gap, budget):
        proof = certify(team, agreement, gap, budget)
        proofs.append(proof)
        higher = proof.upper + 1.0 if len(proofs) == 1 else proof.upper
        return Certification(higher, True, proof.seconds, proof.programs)

    monkeypatch.setattr(session, "certify_team", worse_at_first)
    result = solve(method)
    assert len(proofs) == 2
    assert result.status is ag.Status.OPTIMAL
    assert result.history["iteration"].values.tolist() == list(
        range(1, result.attribute("iterations") + 1)
    )
    assert np.isfinite(result.history["upper_bound"].values[-1])


def test_the_time_of_the_proof_does_not_count_against_the_time_limit(monkeypatch):
    from ambigrid import session

    certify, proofs = session.certify_team, []

    def slow_at_first(team, agreement, gap, budget):
        proof = certify(team, agreement, gap, budget)
        proofs.append(proof)
        if len(proofs) > 1:
            return proof
        time.sleep(limit)
        return Certification(proof.upper + 1.0, True, proof.seconds + limit, proof.programs)

    limit = 6.0
    monkeypatch.setattr(session, "certify_team", slow_at_first)
    result = solve(ag.CutSharing(), time_limit=limit)
    assert len(proofs) == 2
    assert result.status is ag.Status.OPTIMAL
    assert result.attribute("certificate_seconds") > limit > result.attribute("wall_seconds")
    assert (result.history["seconds"] < limit).all()


def test_without_a_proof_coordination_may_use_the_whole_gap():
    """With one the second half of the gap is left to it."""
    without, proved = (solve(ag.ADMM(penalty=1.0), certify=certify) for certify in (False, True))
    assert 0.5 * 5e-3 < without.gap <= 5e-3
    assert without.attribute("iterations") < proved.attribute("iterations")


def test_agents_are_at_rest_before_they_are_asked_for_findings(monkeypatch):
    """An interruption leaves questions behind; nobody works on two things at once."""
    working, clashes, answer = {}, [], LocalAgent.answer

    def slow(self, request, budget):
        working[self.name] = True
        time.sleep(0.1)
        try:
            return answer(self, request, budget)
        finally:
            working[self.name] = False

    def findings(self):
        clashes.extend(name for name, busy in working.items() if busy)
        raise SystemExit

    monkeypatch.setattr(LocalAgent, "answer", slow)
    monkeypatch.setattr(LocalAgent, "findings", findings)
    timer = threading.Timer(1.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(SystemExit):
        solve(ag.CutSharing(), gap=1e-12, threads=4)
    assert clashes == []


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases") / "template"
    ag.write_template(folder)
    return folder


def start(template, folder, *options):
    """Start the command line; its progress comes line by line."""
    command = [sys.executable, "-c", "from ambigrid.cli import main; main()", "run", str(template)]
    command += [
        "--json",
        "--no-plot",
        "--output",
        str(folder / "result.nc"),
        "--no-certify",
        *options,
    ]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return Popen(command, stdout=PIPE, stderr=PIPE, text=True, cwd=folder, env=environment)


def wait_for(process, iteration):
    """Read progress until an iteration has ended."""
    for line in process.stderr:
        if line.split()[:1] == [str(iteration)]:
            return
    raise AssertionError(f"ended with {process.wait()} before iteration {iteration}")


def test_ctrl_c_on_the_command_line(template, tmp_path):
    process = start(template, tmp_path, "--gap", "1e-9")
    wait_for(process, 3)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(printed)["status"] == "interrupted"
    result = ag.load_result(tmp_path / "result.nc")
    assert result.status is ag.Status.INTERRUPTED
    assert result.attribute("iterations") >= 3
    assert "stopped by the user" in result.report()


def test_kill_and_resume_on_the_command_line(template, tmp_path):
    checkpoint = tmp_path / "state.npz"
    options = ("--gap", "0.004", "--threads", "1")
    process = start(template, tmp_path, *options, "--checkpoint", str(checkpoint))
    wait_for(process, 4)
    process.kill()
    process.communicate()
    assert not (tmp_path / "result.nc").exists()
    with np.load(checkpoint) as state:
        before = json.loads(str(state["facts"]))["history"]
    finished = before["coords"]["iteration"]["data"]
    assert finished == list(range(1, finished[-1] + 1))
    assert finished[-1] >= 4

    process = start(template, tmp_path, *options, "--resume", str(checkpoint))
    printed, progress = process.communicate(timeout=120)
    assert process.returncode == 0, progress
    shown = [line.split()[0] for line in progress.splitlines() if line.split()[:1]]
    assert next(word for word in shown if word.isdigit()) == str(finished[-1] + 1)
    resumed = ag.load_result(tmp_path / "result.nc")
    assert json.loads(printed)["status"] == resumed.status == ag.Status.CONVERGED
    assert resumed.gap <= 0.004  # so is the distance to what an uncut run finds
    history = resumed.history
    assert history["iteration"].values.tolist() == list(range(1, history.sizes["iteration"] + 1))
    for name in ("lower_bound", "upper_bound", "primal_residual", "seconds"):
        old = np.array(before["data_vars"][name]["data"], dtype=float)
        assert np.array_equal(history[name].values[: len(old)], old, equal_nan=True)
    assert (np.diff(history["seconds"].values) >= 0).all()
