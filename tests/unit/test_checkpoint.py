"""Checkpoints: what they keep, whom they serve, and what is wrong with a bad one."""

from dataclasses import replace

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.algorithms.log import History, IterationRecord
from ambigrid.checkpoint import Checkpoint
from small_teams import SmallStudy, random_study

METHODS = (ag.ADMM(penalty=1.0), ag.CutSharing(), ag.Centralized())
BY_NAME = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
IDENTITY = {"study": "small", "method": "admm"}


def checkpoint():
    history = History([IterationRecord(1, lower_bound=90.0), IterationRecord(2, 91.0, 95.0)])
    agents = {"agent_0": {"gradient": np.eye(2)}, "agent_1": {"trust": np.float64(0.5)}}
    return Checkpoint(IDENTITY, {"consensus": np.arange(3.0)}, agents, history, 1.5)


def test_a_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "deep" / "state.npz"
    checkpoint().write(path)
    again = Checkpoint.read(path)
    assert again.seconds == 1.5
    assert again.method["consensus"].tolist() == [0.0, 1.0, 2.0]
    assert (again.agents["agent_0"]["gradient"] == np.eye(2)).all()
    assert again.history.to_dataset().identical(checkpoint().history.to_dataset())
    assert [item.name for item in path.parent.iterdir()] == ["state.npz"]


def damaged(path):
    checkpoint().write(path)
    path.write_bytes(path.read_bytes()[:-200])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("not a checkpoint")


def other_arrays(path):
    with path.open("wb") as file:
        np.savez(file, numbers=np.arange(3))


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def other_facts(path):
    with path.open("wb") as file:
        np.savez(file, facts=np.array("{}"))


def folder(path):
    path.mkdir()


def nothing(path):
    assert not path.exists()


@pytest.mark.parametrize(
    "make", [damaged, empty, text, other_arrays, one_array, other_facts, folder, nothing]
)
def test_a_bad_file_is_one_sentence(tmp_path, make):
    path = tmp_path / "state.npz"
    make(path)
    with pytest.raises(ag.InputError) as caught:
        Checkpoint.read(path)
    assert str(caught.value).startswith(f"{path}: this checkpoint cannot be read; got ")
    assert "Give the file that --checkpoint wrote" in str(caught.value)
    assert "\n" not in str(caught.value)


def interrupted(study, method, path, iterations=3):
    """Checkpoint of a run that was cut short."""
    short = replace(method, iterations=iterations)
    return ag.solve(study, short, gap=1e-9, threads=1, certify=False, checkpoint=path)


@BY_NAME
def test_a_resumed_run_goes_on_where_the_other_ended(method, tmp_path):
    study, path = random_study(11), tmp_path / "state.npz"
    before = interrupted(study, method, path)
    options = {"threads": 1, "gap": 2e-3}
    after = ag.solve(study, method, resume=path, **options)
    uncut = ag.solve(study, method, **options)
    assert after.status is uncut.status is ag.Status.OPTIMAL
    assert after.objective == pytest.approx(uncut.objective, rel=2e-3)
    iterations = after.history["iteration"].values
    assert iterations.tolist() == list(range(1, len(iterations) + 1))
    assert after.history.isel(iteration=slice(3)).identical(before.history)
    assert (np.diff(after.history["lower_bound"]) >= 0).all()
    assert (np.diff(after.history["seconds"]) >= 0).all()
    assert len(iterations) < 3 + uncut.history.sizes["iteration"]


@BY_NAME
def test_a_finished_run_is_not_run_again(method, tmp_path):
    study, path = random_study(11), tmp_path / "state.npz"
    options = {"threads": 1, "gap": 2e-3, "certify": False}
    first = ag.solve(study, method, checkpoint=path, **options)
    again = ag.solve(study, method, resume=path, **options)
    assert first.status is again.status is ag.Status.CONVERGED
    assert again.history.identical(first.history)
    assert again.objective == pytest.approx(first.objective, rel=2e-3)


@BY_NAME
def test_an_interruption_right_after_resuming_loses_nothing(method, tmp_path):
    study, path = random_study(11), tmp_path / "state.npz"
    before = interrupted(study, method, path, iterations=10 if method.name == "admm" else 3)
    again = ag.solve(study, method, gap=1e-9, threads=1, resume=path, time_limit=1e-9)
    assert again.status is ag.Status.TIME_LIMIT
    assert again.bound >= before.bound
    assert again.objective == pytest.approx(before.objective, rel=1e-9)
    assert set(again.dispatch.children) == set(study.team)


def changed_radius(study):
    agent = study.team["agent_0"]
    ambiguity = ag.Empirical(np.array([[0.1, 0.2], [0.3, 0.4]]))
    return SmallStudy({**study.team, "agent_0": replace(agent, ambiguity=ambiguity)}, study.coupled)


def test_a_run_with_other_samples_cannot_be_resumed(tmp_path):
    study, path = random_study(11), tmp_path / "state.npz"
    interrupted(study, METHODS[0], path)
    with pytest.raises(ag.InputError, match="belongs to a run with another ambiguity set"):
        ag.solve(changed_radius(study), METHODS[0], resume=path)


def test_a_run_with_another_method_cannot_be_resumed(tmp_path):
    study, path = random_study(11), tmp_path / "state.npz"
    interrupted(study, METHODS[0], path)
    with pytest.raises(ag.InputError, match="with another method; got admm"):
        ag.solve(study, METHODS[1], resume=path)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases") / "template"
    ag.write_template(folder)
    return ag.load_case(folder)


@pytest.fixture(scope="module")
def begun(template, tmp_path_factory):
    path = tmp_path_factory.mktemp("states") / "state.npz"
    interrupted(ag.EVFlexibility(template), ag.ADMM(), path, iterations=1)
    return path


def test_other_data_mode_or_radius_cannot_be_resumed(template, begun):
    other = template.copy(deep=True)
    other["transmission"]["load"] *= 1.01
    for study, what in (
        (ag.EVFlexibility(other), "data_hash"),
        (ag.EVFlexibility(template, mode="none"), "settings"),
        (ag.EVFlexibility(template, boundary_call="ignored"), "settings"),
        (ag.EVFlexibility(template, ambiguity=ag.Wasserstein(radius=3.0)), "settings"),
        (ag.EVFlexibility(template, ambiguity=ag.Box()), "settings"),
    ):
        with pytest.raises(ag.InputError, match=f"with another {what}") as caught:
            ag.solve(study, resume=begun)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_nowhere_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    records = []
    with pytest.raises(ag.InputError, match="this file cannot be written"):
        ag.solve(
            random_study(11), METHODS[0], checkpoint=tmp_path / "file" / "state.npz",
            progress=records.append,
        )  # fmt: skip
    assert records == []
