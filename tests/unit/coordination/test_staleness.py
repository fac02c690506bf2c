"""Late agents: who is waited for and for how long, and runs that end while some are at work."""

import itertools
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.coordination.local import LocalAgent
from lossy import lossy_post
from small_teams import joint_optimum, random_study

METHODS = (ag.ADMM(penalty=1.0), ag.CutSharing())
BY_NAME = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
SLOW = {"admm": "propose", "cut-sharing": "bound"}
"""The first question of an iteration."""


def study():
    return random_study(23, adversaries=False)


def solve(method, **options):
    defaults = {"gap": 1e-9, "threads": 4, "certify": False}
    return ag.solve(study(), method, **{**defaults, **options})


def check_honest(result):
    """Bounds enclose the optimum, and the decision costs the objective."""
    optimum = joint_optimum(study())[1]
    scale = 1e-6 * max(1.0, abs(optimum))
    assert (result.history["lower_bound"] <= optimum + scale).all()
    assert (result.history["upper_bound"] >= optimum - scale).all()
    assert result.objective >= optimum - scale
    if "dispatch" in result.tree.children:
        assert sum(result.agents.values()) == pytest.approx(result.objective, rel=1e-9)


class Late:
    """One agent takes its time over one question: until the test says so."""

    def __init__(self, monkeypatch, question, asked):
        self.begun, self.end = threading.Event(), threading.Event()
        answer, count = LocalAgent.answer, itertools.count(1)

        def slow(agent, request, budget):
            mine = agent.name == "agent_0" and request.question == question
            if mine and next(count) == asked:
                self.begun.set()
                assert self.end.wait(60)
            return answer(agent, request, budget)

        monkeypatch.setattr(LocalAgent, "answer", slow)

    @property
    def at_work(self):
        return self.begun.is_set() and not self.end.is_set()


@BY_NAME
@pytest.mark.parametrize("staleness", [0, 1, 3])
def test_a_late_agent_is_waited_for_after_so_many_iterations(monkeypatch, method, staleness):
    start = 12 if method.name == "admm" else 3  # both have an upper bound by then
    late, without = Late(monkeypatch, SLOW[method.name], start), []

    def progress(record):
        if late.at_work:
            without.append(record.iteration)

    def release():
        assert late.begun.wait(60)
        while len(without) < staleness:
            time.sleep(0.01)
        time.sleep(0.3)  # in which there is no further iteration
        late.end.set()

    waiting = threading.Thread(target=release)
    waiting.start()
    method = replace(method, staleness=staleness, iterations=start + 6)
    result = solve(method, progress=progress)
    waiting.join()
    assert len(without) == staleness
    check_honest(result)


def test_cut_sharing_waits_for_everybody_until_there_is_an_upper_bound(monkeypatch):
    late, without = Late(monkeypatch, "cost", 1), []
    threading.Timer(0.3, late.end.set).start()
    method = ag.CutSharing(staleness=3, iterations=3)
    solve(method, progress=lambda record: without.append(late.at_work))
    assert without == [False] * 3


@BY_NAME
def test_an_interruption_with_a_late_agent_keeps_the_best_decision(monkeypatch, method):
    start = 12 if method.name == "admm" else 3
    late = Late(monkeypatch, SLOW[method.name], start)

    def press(record):
        if late.at_work:
            threading.Timer(0.1, late.end.set).start()
            raise KeyboardInterrupt

    result = solve(replace(method, staleness=3), progress=press)
    assert result.status is ag.Status.INTERRUPTED
    assert np.isfinite(result.objective)
    check_honest(result)


@BY_NAME
@pytest.mark.parametrize("staleness", [0, 2])
def test_interruption_and_time_limit_while_messages_are_lost(method, staleness):
    method = replace(method, staleness=staleness)

    def press(record):
        if record.iteration == 11:
            raise KeyboardInterrupt

    with lossy_post(7):
        interrupted = solve(method, gap=1e-12, patience=3e-3, progress=press)
        limited = solve(method, gap=1e-12, patience=3e-3, time_limit=0.5)
    assert interrupted.status is ag.Status.INTERRUPTED
    assert limited.status is ag.Status.TIME_LIMIT or limited.gap <= 1e-12
    for result in (interrupted, limited):
        assert np.isfinite(result.objective)
        check_honest(result)


@BY_NAME
def test_too_little_patience_costs_messages_only(method):
    logs = [ag.MessageLog(), ag.MessageLog()]
    patient, hasty = (
        solve(replace(method, iterations=6), threads=1, patience=patience, log=log)
        for patience, log in zip((np.inf, 1e-4), logs, strict=True)
    )
    assert len(logs[1]) > len(logs[0])
    assert hasty.history.drop_vars("seconds").identical(patient.history.drop_vars("seconds"))


@BY_NAME
@pytest.mark.parametrize("luck", [1, 2, 3])
def test_a_checkpoint_with_late_agents_is_gone_on_from(method, luck, tmp_path):
    """What they were at is asked again; what all had kept by then, they keep."""
    path, method = tmp_path / "state.npz", replace(method, staleness=3)
    with lossy_post(luck):
        some = replace(method, iterations=14 if method.name == "admm" else 4)
        before = solve(some, patience=3e-3, checkpoint=path)
        at_once = solve(method, patience=3e-3, resume=path, time_limit=1e-9)
        after = solve(method, patience=3e-3, resume=path, gap=2e-3)
    assert at_once.status is ag.Status.TIME_LIMIT
    assert at_once.objective == pytest.approx(before.objective, rel=1e-9)
    assert at_once.bound == pytest.approx(before.bound, rel=1e-9)
    assert after.status is ag.Status.CONVERGED
    iterations = after.history["iteration"].values
    assert iterations.tolist() == list(range(1, len(iterations) + 1))
    for result in (before, at_once, after):
        check_honest(result)


def test_residuals_reach_everybody_in_order(monkeypatch):
    """Late or not, all agents go through the same penalties."""
    told, numbers, most, answer = {}, set(), [0], LocalAgent.answer

    def noting(agent, request, budget):
        letter = (agent.name, request.number)
        if request.question == "propose" and letter not in numbers:
            numbers.add(letter)
            told.setdefault(agent.name, []).extend(request.residuals or ())
            most.append(len(request.residuals or ()))
        return answer(agent, request, budget)

    monkeypatch.setattr(LocalAgent, "answer", noting)
    with lossy_post(5) as post:
        solve(ag.ADMM(penalty=0.5, adaptive=True, staleness=3, iterations=25), patience=3e-3)
    assert post.happened["answers late"] > 10
    longest = max(told.values(), key=len)
    assert len(longest) > 15
    for residuals in told.values():
        assert residuals == longest[: len(residuals)]
    assert max(most) > 1  # of who was late


@BY_NAME
def test_nothing_else_crosses_with_late_agents(method):
    log = ag.MessageLog()
    with lossy_post(3):
        solve(replace(method, staleness=3, iterations=20), patience=3e-3, log=log)
    names = {name for message in log for name in message.sizes}
    assert names <= {"shared_values", "multipliers", "residuals", "bounds", "subgradient"}
    size = {m.sizes["residuals"] for m in log if "residuals" in m.sizes}
    assert size <= {2, 4, 6, 8}  # a pair for each of at most four iterations


@pytest.mark.parametrize("kind", [ag.ADMM, ag.CutSharing])
def test_a_negative_staleness_is_refused(kind):
    with pytest.raises(ag.InputError, match="staleness: value out of range; got -1"):
        kind(staleness=-1)


def test_patience_must_be_positive():
    with pytest.raises(ag.InputError, match="the patience must be positive; got 0"):
        solve(METHODS[0], patience=0)
