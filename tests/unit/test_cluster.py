"""Agents on a real cluster of worker processes: same answers, no data, and lost or hung workers.

The coordinator's own case file holds the names and kinds of the operators and nothing else; only
the workers, in another folder, find the file with the data.
"""

import asyncio
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from studies.small_case import make_case
from typer.testing import CliRunner

import ambigrid as ag
from ambigrid import session
from ambigrid.algorithms.stopping import Budget
from ambigrid.cases import case_hash
from ambigrid.cases.source import CaseSource
from ambigrid.cli import app
from ambigrid.coordination import cluster as module
from ambigrid.coordination.agents import Notice
from ambigrid.coordination.cluster import Cluster, connected
from ambigrid.coordination.local import UnsolvableError
from ambigrid.coordination.messages import WHITELIST, Answer, Request
from ambigrid.coordination.resident import Resident

distributed = pytest.importorskip("distributed", reason="distributed is not installed")

METHODS = (ag.ADMM(), ag.CutSharing())
BY_NAME = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
STEPS, WORKERS = 3, 2
GROUPS = ("dispatch", "duals", "worst_case", "recourse", "shared")


class InFolder(distributed.WorkerPlugin):
    """Let a worker, also one that is started later, work in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def setup(self, worker):
        os.chdir(self.folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folder of the workers, with the whole case."""
    folder = tmp_path_factory.mktemp("workers")
    ag.save_case(make_case(steps=STEPS), folder / "case.nc")
    return folder


@pytest.fixture(scope="module")
def cluster(data):
    """A cluster on this machine that nobody else can reach, its workers in their folder."""
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    with distributed.LocalCluster(
        n_workers=WORKERS, processes=True, silence_logs=logging.CRITICAL, **options
    ) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            client.register_plugin(InFolder(str(data)))
        yield cluster


@pytest.fixture
def client(cluster):
    """A client once all workers are there, those of a test before replaced."""
    cluster.scale(WORKERS)
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=180)
        yield client


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study in the coordinator's folder, whose file has no data at all."""
    case = make_case(steps=STEPS)
    groups = {name: xr.Dataset(attrs=node.attrs) for name, node in case.children.items()}
    bare = xr.DataTree.from_dict({"/": xr.Dataset(attrs=case.attrs), **groups})
    bare.to_netcdf(tmp_path / "case.nc", engine="h5netcdf")
    monkeypatch.chdir(tmp_path)
    return ag.EVFlexibility("case.nc")


@pytest.fixture(scope="module")
def by_threads(data):
    """What threads find from the same file, by method."""
    study = ag.EVFlexibility(data / "case.nc")
    return {method: ag.solve(study, method) for method in METHODS}


@pytest.fixture
def on_the_wire(monkeypatch):
    """Everything that a worker sends to the coordinator."""
    seen, answer = [], Cluster._answer

    async def watched(self, home, method, arguments):
        found = await answer(self, home, method, arguments)
        seen.append((method, found))
        return found

    monkeypatch.setattr(Cluster, "_answer", watched)
    return seen


def check_same(result, reference):
    """Both are right about one optimum."""
    assert result.status is reference.status is ag.Status.OPTIMAL
    apart = (result.gap + reference.gap) * abs(reference.objective)
    assert abs(result.objective - reference.objective) <= apart
    assert max(result.bound, reference.bound) <= min(result.objective, reference.objective)
    assert sum(result.agents.values()) <= result.objective * (1 + 1e-9)
    assert set(result.agents) == {"transmission", "distribution_1"}


def check_file(result, folder):
    again = ag.load_result(result.save(folder / "result.nc"))
    assert (again.status, again.objective) == (result.status, result.objective)
    assert str(result.status) in again.report()
    assert again.plot.overview() is not None


@BY_NAME
def test_the_answer_of_threads_from_messages_only(
    method, client, study, by_threads, on_the_wire, tmp_path
):
    log = ag.MessageLog()
    result = ag.solve(study, method, executor=client, log=log)
    check_same(result, by_threads[method])
    check_file(result, tmp_path)
    assert set(result.tree.children) == {"history", "shared"}
    assert {name for message in log for name in message.sizes} <= WHITELIST
    assert max(size for message in log for size in message.sizes.values()) <= 4 * STEPS
    baseline = [m for m in log if m.question == "baseline"]
    assert [(m.sender, m.receiver, m.sizes) for m in baseline] == [
        ("distribution_1", "transmission", {"boundary_baseline": STEPS})
    ]
    kinds = Counter(type(found) for _, found in on_the_wire)
    assert set(kinds) <= {Answer, list, type(None), str, int}
    assert kinds[Answer] == len([m for m in log if m.receiver == "coordinator"])
    assert set(client.run(lambda dask_worker: len(dask_worker.state.actors)).values()) == {0}
    told = [notice for _, found in on_the_wire if isinstance(found, list) for notice in found]
    assert [type(notice) for notice in told] == [Notice]


def test_the_coordinator_s_file_holds_no_data(study):
    for name in study.names:
        with pytest.raises(ag.InputError, match="the variable is missing"):
            study.data(name)


def test_nothing_else_can_be_asked_of_an_operator_at_home():
    assert {name for name in vars(Resident) if not name.startswith("_")} == {
        *("preamble", "settle_in", "agree", "answer", "stop"),
        *("integer_decision", "programs", "diagnosis", "save"),
    }


def test_work_that_waits_for_its_turn_is_stopped_with_the_rest(data, monkeypatch):
    resident = Resident(ag.EVFlexibility(data / "case.nc"), "distribution_1")
    seen = []
    monkeypatch.setattr(
        resident, "_local", SimpleNamespace(answer=lambda request, budget: seen.append(budget)),
        raising=False,
    )  # fmt: skip
    at_work, waiting = Budget(60.0), Budget(60.0)
    resident.answer(Request("bound"), at_work)
    asyncio.run(resident.stop())
    resident.answer(Request("bound"), waiting)
    resident.answer(Request("bound"), Budget(60.0))
    assert [budget.expired for budget in seen] == [True, True, False]


def test_a_budget_arrives_with_what_is_left():
    budget = pickle.loads(pickle.dumps(Budget(5.0)))
    assert 4.0 < budget.remaining <= 5.0
    assert pickle.loads(pickle.dumps(Budget())).remaining == np.inf


def test_a_study_travels_without_the_data_that_were_read_here(data):
    study = ag.EVFlexibility(data / "case.nc")
    assert study.data("transmission").sizes["time"] == STEPS
    sent = pickle.loads(pickle.dumps(study))
    assert sent.source.groups == {}
    assert sent.names == study.names
    assert len(pickle.dumps(study)) < 10_000


def test_an_operator_s_file_may_hold_only_its_own_group(data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    source = pickle.loads(pickle.dumps(CaseSource.of("case.nc")))
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    case = make_case(steps=STEPS)
    own = xr.DataTree.from_dict({"/distribution_1": case["distribution_1"].to_dataset()})
    own.to_netcdf("case.nc", engine="h5netcdf")
    assert source.group("distribution_1")["load_active"].sizes["time"] == STEPS
    with pytest.raises(ag.InputError, match="cannot be read"):
        source.group("transmission")


def test_parts_stay_with_the_operators_until_somebody_joins_them(
    client, study, by_threads, tmp_path, data
):
    options = f"--scheduler {client.scheduler.address} --parts parts --method cut-sharing --no-plot"
    done = CliRunner().invoke(app, ["run", "case.nc", *options.split()])
    assert done.exit_code == 0, done.output
    assert "stays on its worker" in done.stdout
    assert not (tmp_path / "parts").exists()
    result = ag.load_result(tmp_path / "results" / "case.nc")
    files = [data / path for path in result.attribute("parts").values()]
    assert [file.name for file in files] == ["case.transmission.nc", "case.distribution_1.nc"]
    joined, reference = ag.load_result("results/case.nc", files), by_threads[METHODS[1]]
    for group in GROUPS:
        for name, node in joined.tree[group].children.items():
            xr.testing.assert_allclose(node.to_dataset(), reference.tree[group][name].to_dataset())
    derived = reference.derived["distribution_1"].to_dataset()
    xr.testing.assert_allclose(joined.derived["distribution_1"].to_dataset(), derived)
    assert joined.attribute("data_hash") == reference.attribute("data_hash")
    assert joined.attribute("data_hash") == case_hash(make_case(steps=STEPS))
    assert "station regulation up" in joined.report()
    result.tree.attrs["run"] = "another"
    other = result.save(tmp_path / "other.nc")
    with pytest.raises(ag.InputError, match=r"case.transmission.nc: this file is no part of the"):
        ag.load_result(other, files)


@pytest.mark.parametrize(
    "error",
    [
        ag.InputError("the load is missing", where="transmission", got=3.0, fix="add it"),
        UnsolvableError("transmission", ag.Status.INFEASIBLE),
    ],
)
def test_errors_travel_as_they_are(error):
    sent = pickle.loads(pickle.dumps(error))
    assert type(sent) is type(error)
    assert str(sent) == str(error)


def pids(client):
    return list(client.run(os.getpid).values())


class Strike:
    """Send a signal to a worker once some iteration has ended, or a little later."""

    def __init__(self, client, number, which=0, after=0.0, iteration=2):
        self.client, self.number, self.which = client, number, which
        self.after, self.iteration, self.struck = after, iteration, None

    def __call__(self, record):
        if record.iteration < self.iteration or self.struck is not None:
            return
        self.struck = pids(self.client)[self.which]
        timer = threading.Timer(self.after, os.kill, [self.struck, self.number])
        timer.start()
        if not self.after:
            timer.join()


class StrikingLog(ag.MessageLog):
    """Kill a worker when a question is put for the first time."""

    def __init__(self, client, question):
        super().__init__()
        self.client, self.question, self.struck = client, question, None

    def request(self, name, iteration, request):
        super().request(name, iteration, request)
        if request.question == self.question and self.struck is None:
            self.struck = pids(self.client)[1]
            os.kill(self.struck, signal.SIGKILL)


@pytest.fixture
def strike_at_proof(client, monkeypatch):
    """Kill a worker when the proof begins for the first time."""
    certify, struck = session.certify_team, []

    def strike(team, agreement, gap, budget):
        if not struck:
            client.wait_for_workers(WORKERS, timeout=180)
            struck.append(pids(client)[0])
            os.kill(struck[0], signal.SIGKILL)
        return certify(team, agreement, gap, budget)

    monkeypatch.setattr(session, "certify_team", strike)
    return struck


def check_recovered(result, reference, folder):
    check_same(result, reference)
    check_file(result, folder)
    iterations = result.history["iteration"].values
    assert iterations.tolist() == list(range(1, len(iterations) + 1))
    assert (np.diff(result.history["lower_bound"].values) >= 0).all()


def test_a_killed_worker_is_replaced(client, study, by_threads, tmp_path):
    strike, log = Strike(client, signal.SIGKILL, after=0.02), ag.MessageLog()
    result = ag.solve(study, METHODS[0], executor=client, progress=strike, log=log)
    assert strike.struck is not None
    assert "subgradient" not in {name for message in log for name in message.sizes}
    check_recovered(result, by_threads[METHODS[0]], tmp_path)


def test_workers_killed_when_all_keep_a_point_and_during_the_proof_are_replaced(
    client, study, by_threads, strike_at_proof, tmp_path
):
    log = StrikingLog(client, "keep")
    result = ag.solve(study, METHODS[1], executor=client, log=log)
    assert len({log.struck, *strike_at_proof}) == 2
    check_recovered(result, by_threads[METHODS[1]], tmp_path)


def test_an_interruption_leaves_what_there_is(client, study, tmp_path):
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])

    def strike(record):
        if record.iteration == 2:
            timer.start()

    endless = ag.ADMM(until_agreed=True, residual=1e-15, iterations=10_000)
    result = ag.solve(study, endless, executor=client, gap=1e-15, progress=strike)
    assert result.status is ag.Status.INTERRUPTED
    check_file(result, tmp_path)


def test_a_hung_worker_meets_the_time_limit(client, study, monkeypatch, tmp_path):
    monkeypatch.setattr(Cluster, "grace", 1.0)
    strike = Strike(client, signal.SIGSTOP, iteration=1)
    begun = time.monotonic()
    try:
        result = ag.solve(
            study, METHODS[1], executor=client, gap=1e-15, time_limit=3.0, progress=strike,
            parts="parts",
        )  # fmt: skip
        spent = time.monotonic() - begun - result.attribute("build_seconds")
    finally:
        os.kill(strike.struck, signal.SIGKILL)
    assert result.status is ag.Status.TIME_LIMIT
    assert 2.0 < spent < 9.0
    (hung,) = {"transmission", "distribution_1"} - set(result.attribute("parts"))
    assert f"{hung} did not answer in time." in result.attribute("message")
    assert f"No part of the result was saved by {hung}." in result.attribute("message")
    assert sum(result.agents.values()) == pytest.approx(result.objective)
    check_file(result, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": ag.Centralized()}, "this method gathers all data in one place"),
        ({"checkpoint": "state.npz"}, "solve, checkpoint: a checkpoint holds what operators know"),
        ({"resume": "state.npz"}, "solve, resume: a checkpoint holds what operators know"),
    ],
)
def test_what_would_gather_data_is_refused(client, study, options, words):
    with pytest.raises(ag.InputError, match=words):
        ag.solve(study, executor=client, **options)


def test_without_the_package_there_is_no_cluster(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ag.InputError, match=r"pip install 'ambigrid\[distributed\]'"),
        connected("tcp://127.0.0.1:1"),
    ):
        raise AssertionError


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "abc://x:y"])
def test_a_scheduler_that_does_not_answer_is_one_sentence(address, monkeypatch):
    monkeypatch.setattr(module, "_WAIT", 0.5)
    with (
        pytest.raises(
            ag.InputError, match="--scheduler: no scheduler answers there; got"
        ) as caught,
        connected(address),
    ):
        raise AssertionError
    assert "\n" not in str(caught.value)


def test_a_case_in_memory_is_refused(client):
    with pytest.raises(ag.InputError) as caught:
        ag.solve(ag.EVFlexibility(make_case()), executor=client)
    assert str(caught.value) == (
        "solve, executor: on a cluster every operator reads its own group of a case file; got a "
        "case in memory. Save the case with ag.save_case and give the study its path."
    )


def test_parts_without_a_cluster_are_refused():
    with pytest.raises(ag.InputError, match="only operators on a cluster save parts"):
        ag.solve(ag.EVFlexibility(make_case()), parts="parts")


def test_what_is_wrong_with_the_data_is_said_on_the_worker_only(client, study, data):
    bad = make_case(steps=STEPS)
    bad["distribution_1"]["load_active"][0, 0] = -123.456
    bad.to_netcdf(data / "bad.nc", engine="h5netcdf")
    xr.open_datatree("case.nc", engine="h5netcdf").to_netcdf("bad.nc", engine="h5netcdf")
    with pytest.raises(ag.InputError) as caught:
        ag.solve(ag.EVFlexibility("bad.nc"), executor=client)
    assert str(caught.value) == (
        "distribution_1: this operator's data or program cannot be used. Look for the reason in "
        "the log of its worker."
    )


def test_without_any_worker_left_the_run_ends_with_an_error(client, study, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_WAIT", 1.0)

    def leave(record):
        client.cluster.scale(0)
        while client.nthreads():
            time.sleep(0.05)

    result = ag.solve(study, METHODS[1], executor=client, gap=1e-15, progress=leave)
    assert result.status is ag.Status.ERROR
    assert result.attribute("message") == "The Dask cluster has no worker."
    assert result.objective == np.inf
    assert np.isfinite(result.bound)
    assert result.agents == {}
    check_file(result, tmp_path)
