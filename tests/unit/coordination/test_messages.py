"""What crosses between operators: exactly the specification's list, names and sizes."""

import contextlib
from collections import Counter
from dataclasses import fields

import pytest

import ambigrid as ag
from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.homes import Threads
from ambigrid.coordination.local import LocalAgent
from ambigrid.coordination.messages import (
    COORDINATOR,
    ENVELOPE,
    QUESTIONS,
    WHITELIST,
    Answer,
    MessageLog,
    Request,
)
from small_teams import random_study

SPECIFIED = {
    "boundary_baseline",
    "shared_values",
    "multipliers",
    "residuals",
    "bounds",
    "subgradient",
}


def crossed(study, method, **options):
    log = ag.MessageLog()
    result = ag.solve(study, method, log=log, **{"threads": 1, "certify": False, **options})
    return result, list(log)


def sizes(messages, **chosen):
    """Count (question, name, size) over messages with the chosen attributes."""
    kept = [m for m in messages if all(getattr(m, key) == value for key, value in chosen.items())]
    return Counter((m.question, name, size) for m in kept for name, size in m.sizes.items())


def test_the_list_is_the_specification_s():
    assert WHITELIST == SPECIFIED
    names = {field.name for kind in (Request, Answer) for field in fields(kind)}
    assert names == SPECIFIED - {"boundary_baseline"} | ENVELOPE
    assert {"question", "number", "kept"} == ENVELOPE


def test_nothing_else_can_be_noted():
    with pytest.raises(ValueError, match=r"\['load'\] must not cross from a to b"):
        MessageLog().note("a", "b", 1, "propose", load=[1.0])


def check_baseline(messages, case):
    """Once, before the first iteration: T numbers per feeder, to the transmission operator."""
    kinds = {name: case[name].attrs["kind"] for name in case.children}
    feeders = {name for name, kind in kinds.items() if kind == "distribution"}
    told = [message for message in messages if "boundary_baseline" in message.sizes]
    assert {message.sender for message in told} == feeders
    assert len(told) == len(feeders)
    for message in told:
        assert kinds[message.receiver] == "transmission"
        assert message.iteration == 0
        assert message.sizes == {"boundary_baseline": case["transmission"].sizes["time"]}


def check_admm_iteration(messages, iteration, agent, shared):
    """What one agent and the coordinator tell one another in one iteration."""
    down = sizes(messages, iteration=iteration, sender=COORDINATOR, receiver=agent)
    up = sizes(messages, iteration=iteration, sender=agent, receiver=COORDINATOR)
    asked = next(q for q in ("bound", "price", "follow") if (q, "multipliers", shared) in down)
    expected = {("propose", "shared_values", shared), ("propose", "multipliers", shared)}
    expected |= {(asked, "multipliers", shared)}
    expected |= {("propose", "residuals", 2)} if iteration > 1 else set()
    if asked == "follow":
        expected |= {("follow", "shared_values", shared), ("follow", "bounds", 2)}
    assert down == Counter(expected)
    assert up == Counter({("propose", "shared_values", shared), (asked, "bounds", 2)})


@pytest.fixture(scope="module")
def template_admm(template):
    return crossed(ag.EVFlexibility(template), ag.ADMM(iterations=12, adaptive=True), gap=1e-6)


def test_admm_on_the_template(template, template_admm):
    result, messages = template_admm
    shared = 2 * template["transmission"].sizes["time"]
    check_baseline(messages, template)
    for iteration in range(1, result.attribute("iterations") + 1):
        for agent in template.children:
            check_admm_iteration(messages, iteration, agent, shared)
    assert {m.sender for m in messages} | {m.receiver for m in messages} == {
        COORDINATOR,
        *template.children,
    }
    assert {m.question for m in messages if m.iteration > 0} == {
        "propose", "bound", "price", "follow", "keep",
    }  # fmt: skip


def test_the_result_says_how_much_crossed(template_admm):
    result, messages = template_admm
    assert result.attribute("messages") == len(messages)
    volume = sum(sum(message.sizes.values()) for message in messages)
    assert result.attribute("numbers_exchanged") == volume


def test_admm_never_tells_a_slope(template_admm):
    assert not any("subgradient" in message.sizes for message in template_admm[1])


def test_cut_sharing_on_the_template(template):
    study = ag.EVFlexibility(template)
    result, messages = crossed(study, ag.CutSharing(iterations=4), gap=1e-6)
    shared = 2 * template["transmission"].sizes["time"]
    check_baseline(messages, template)
    for agent in template.children:
        assert sizes(messages, iteration=0, sender=agent, receiver=COORDINATOR) == {
            ("range", "shared_values", 2 * shared): 1
        }
    assert result.attribute("iterations") == 4
    for iteration in range(1, 5):
        for agent in template.children:
            down = sizes(messages, iteration=iteration, receiver=agent)
            up = sizes(messages, iteration=iteration, sender=agent)
            assert down == {
                ("bound", "multipliers", shared): 1,
                ("cost", "shared_values", shared): 1,
                ("cost", "bounds", 2): 1,
            }
            slope, nearest = ("cost", "subgradient", shared), ("cost", "shared_values", shared)
            pairs = {("bound", "bounds", 2): 1, ("cost", "bounds", 2): 1}
            assert up in ({**pairs, one: 1} for one in (slope, nearest))


def test_the_proof_adds_one_pair_of_bounds_each_way():
    study = random_study(11)
    result, messages = crossed(study, ag.CutSharing(), certify=True)
    assert result.certified
    proof = [m for m in messages if m.question == "certify"]
    assert all(message.sizes == {"bounds": 2} for message in proof)
    assert len(proof) % (2 * len(study.team)) == 0


def test_the_shapes_of_t30d2():
    """Two feeders, 24 hours: 48 shared values per feeder, 96 for transmission; one iteration."""
    case = ag.load_case("t30d2")
    study = ag.EVFlexibility(case, ambiguity=ag.Nominal())
    _, messages = crossed(study, ag.ADMM(iterations=2))
    check_baseline(messages, case)
    shared = {"transmission": 96, "distribution_1": 48, "distribution_2": 48}
    assert set(shared) == set(case.children)
    for iteration in (1, 2):
        for agent, size in shared.items():
            check_admm_iteration(messages, iteration, agent, size)


@pytest.mark.parametrize("method", [ag.ADMM(penalty=1.0), ag.CutSharing()])
def test_methods_reach_agents_through_messages_only(monkeypatch, method):
    """A running method calls `agree` and `answer` only, after a look for integers."""
    called, running = set(), []
    call, run = Threads.call, type(method).run

    def watched_call(self, name, what, *arguments):
        if running:
            called.add(what)
        return call(self, name, what, *arguments)

    def watched_run(self, team, context):
        running.append(True)
        try:
            return run(self, team, context)
        finally:
            running.clear()

    monkeypatch.setattr(Threads, "call", watched_call)
    monkeypatch.setattr(type(method), "run", watched_run)
    crossed(random_study(11), method)
    assert called == {"agree", "answer", "integer_decision"}


def test_every_question_of_the_list_is_known_and_no_other():
    agent = random_study(11).team["agent_0"]
    local = LocalAgent(agent, [])
    for number, question in enumerate(QUESTIONS, 1):
        with contextlib.suppress(AssertionError):  # not enough was sent along
            local.answer(Request(question, number), Budget())
    with pytest.raises(KeyError):
        local.answer(Request("load", len(QUESTIONS) + 1), Budget())
