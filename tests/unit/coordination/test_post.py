"""Questions and answers between a coordinator and its agents: once each, in order, not lost."""

import threading
from concurrent.futures import Future

import pytest

import ambigrid as ag
from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.desk import Desk
from ambigrid.coordination.homes import joined
from ambigrid.coordination.local import LocalAgent
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.post import Post
from ambigrid.coordination.terms import Penalty, Terms
from small_teams import random_study


class Homes:
    """Agents that answer when the test says so; every call is remembered."""

    workers = 2

    def __init__(self, *names):
        self.names = names
        self.calls = []

    def call(self, name, method, request, budget):
        assert method == "answer"
        future = Future()
        self.calls.append((name, request, future))
        return future

    def answer(self, position, **contents):
        _, request, future = self.calls[position]
        future.set_result(Answer(number=request.number, **contents))

    @property
    def asked(self):
        return [(name, request.question) for name, request, _ in self.calls]


def posted(*names, patience=float("inf")):
    homes, log = Homes(*names), ag.MessageLog()
    return homes, log, Post(homes, log, patience)


def put(post, name, question, iteration=1):
    return post.put(name, Request(question), iteration, Budget())


def turn(post):
    """Look once at what has come, without waiting."""
    post.until(lambda: True)


def test_an_agent_has_one_question_at_a_time_and_gets_the_others_in_order():
    homes, _, post = posted("a", "b")
    for question in ("propose", "bound", "keep"):
        put(post, "a", question)
    put(post, "b", "propose")
    assert homes.asked == [("a", "propose"), ("b", "propose")]
    homes.answer(0)
    turn(post)
    assert homes.asked[2:] == [("a", "bound")]
    homes.answer(2)
    turn(post)
    assert homes.asked[3:] == [("a", "keep")]
    assert post.at_rest == ()


def test_answers_are_taken_once_agent_by_agent():
    homes, log, post = posted("a", "b")
    numbers = [put(post, name, "propose") for name in ("a", "b")]
    homes.answer(1)
    homes.answer(0)
    post.until(lambda: post.back == set(numbers))
    assert post.at_rest == ("a", "b")
    assert post.idle == ()
    assert [reply.name for reply in post.take()] == ["a", "b"]
    assert post.take() == []
    assert post.idle == ("a", "b")
    assert [(m.sender, m.receiver) for m in log] == [
        ("coordinator", "a"), ("coordinator", "b"), ("a", "coordinator"), ("b", "coordinator"),
    ]  # fmt: skip


def test_a_question_without_an_answer_is_put_again_under_its_number():
    homes, log, post = posted("a", patience=1e-3)
    number = put(post, "a", "propose")
    post.until(lambda: len(homes.calls) == 3)
    assert {request.number for _, request, _ in homes.calls} == {number}
    homes.answer(1)
    homes.answer(0)  # the first answer was only late
    assert [reply.answer.number for reply in (turn(post), post.take())[1]] == [number]
    turn(post)
    assert post.take() == []
    assert len([m for m in log if m.receiver == "a"]) == 3
    assert len([m for m in log if m.sender == "a"]) == 1


def test_patience_doubles():
    homes, _, post = posted("a", patience=0.01)
    put(post, "a", "propose")
    post.until(lambda: False, seconds=0.1)
    assert 2 <= len(homes.calls) <= 4  # after 0, 10, 30 and 70 ms


def test_nothing_is_put_again_without_a_patience():
    homes, _, post = posted("a")
    put(post, "a", "propose")
    post.until(lambda: False, seconds=0.02)
    assert len(homes.calls) == 1


def test_who_is_behind():
    homes, _, post = posted("a", "b")
    put(post, "a", "propose", iteration=4)
    put(post, "a", "bound", iteration=6)
    put(post, "b", "propose", iteration=6)
    assert post.behind(6, 0) == ["a", "b"]
    assert post.behind(6, 2) == ["a"]
    assert post.behind(6, 3) == []
    homes.answer(0)
    turn(post)
    assert post.behind(6, 2) == ["a"]  # it has not had a rest since
    homes.answer(2)
    turn(post)
    assert post.behind(9, 0) == ["b"]


def test_a_failure_is_not_waited_for():
    homes, _, post = posted("a", "b", "c")
    for name in "abc":
        put(post, name, "propose")
    homes.answer(0)
    homes.calls[1][2].set_exception(ValueError("no solution"))
    with pytest.raises(ValueError, match="no solution"):
        post.until(lambda: False)
    homes.calls[2][2].set_running_or_notify_cancel()
    homes.answer(2)
    post.settle(finish="keep")
    assert post.idle == ("a", "b", "c")


def test_settling_leaves_out_all_but_what_must_be_finished():
    homes, _, post = posted("a", "b", "c")
    for question in ("propose", "bound", "keep"):
        put(post, "a", question)
    put(post, "b", "keep")
    put(post, "c", "propose")
    begun = homes.calls[2][2]
    assert begun.set_running_or_notify_cancel()
    finishing = threading.Timer(0.02, lambda: begun.set_exception(ValueError("ended badly")))
    call = homes.call

    def keep_at_once(*arguments):
        future = call(*arguments)
        homes.answer(len(homes.calls) - 1)
        return future

    homes.call = keep_at_once
    homes.answer(1)
    finishing.start()
    post.settle(finish="keep")
    assert homes.asked[3:] == [("a", "keep")]
    assert homes.calls[0][2].cancelled()
    assert post.at_rest == post.idle == ("a", "b", "c")


def test_a_desk_answers_a_number_once():
    desk, done = Desk(), []

    def work():
        done.append(len(done))
        return Answer(bounds=(float(len(done)), 0.0))

    first = desk.once(Request("bound", number=1), work)
    assert desk.once(Request("bound", number=1), work) is first
    second = desk.once(Request("bound", number=3), work)
    assert (second.number, second.bounds) == (3, (2.0, 0.0))
    assert desk.once(Request("bound", number=1), work) is second  # nobody waits for it any more
    assert done == [0, 1]


def test_a_copy_of_a_question_at_work_does_not_wait():
    desk, begun, end, answers = Desk(), threading.Event(), threading.Event(), []

    def work():
        begun.set()
        assert end.wait(5)
        return Answer(bounds=(1.0, 2.0))

    def ask():
        answers.append(desk.once(Request("bound", number=2), work))

    desk.once(Request("range", number=1), Answer)
    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(5)
    assert desk.once(Request("bound", number=2), work).number == 1
    end.set()
    thread.join(5)
    assert desk.once(Request("bound", number=2), work) is answers[0]
    assert answers[0].number == 2


def test_a_copy_of_a_question_that_failed_fails_anew():
    desk = Desk()

    def fail():
        raise ValueError("no solution")

    for _ in range(2):
        with pytest.raises(ValueError, match="no solution"):
            desk.once(Request("bound", number=1), fail)


def test_an_answer_to_an_older_question_is_known_by_its_number():
    homes, _, post = posted("a", patience=1e-3)
    number = put(post, "a", "propose")
    post.until(lambda: len(homes.calls) == 2)
    homes.calls[1][2].set_result(Answer(number=number - 1))
    turn(post)
    assert post.back == set()
    homes.answer(0)
    turn(post)
    assert post.back == {number}


def local_agent(**terms):
    study = random_study(11)
    agent = LocalAgent(study.agent("agent_0", []), joined(study.coupled, "agent_0"))
    agent.agree(Terms(gap=1e-3, agents=len(study.team), **terms))
    return agent


def test_a_proposal_asked_for_twice_changes_the_penalty_once():
    agent = local_agent(penalty=Penalty(1.0, adaptive=True))
    nothing = 0.0 * agent.shared
    request = Request(
        "propose", number=1, shared_values=nothing, multipliers=nothing, residuals=((9.0, 0.1),)
    )
    first, second = (agent.answer(request, Budget()) for _ in range(2))
    assert first is second
    assert agent._penalty.value == 2.0


def test_an_agent_that_missed_residuals_has_everybody_s_penalty_again():
    rule = Penalty(1.0, adaptive=True)
    agent, missed = local_agent(penalty=rule), ((9.0, 0.1), (9.0, 0.1), (0.1, 9.0))
    nothing = 0.0 * agent.shared
    request = Request(
        "propose", number=1, shared_values=nothing, multipliers=nothing, residuals=missed
    )
    agent.answer(request, Budget())
    for residuals in missed:
        rule = rule.after(residuals)
    assert agent._penalty == rule


@pytest.mark.parametrize("staleness", [0, 2])
def test_an_agent_keeps_a_point_it_told_the_cost_of(staleness):
    agent = local_agent(staleness=staleness)
    costs = {}
    for number, share in enumerate((0.0, 0.1, 0.2, 0.3), 1):
        request = Request("cost", number=number, shared_values=share + 0.0 * agent.shared)
        costs[number] = agent.answer(request, Budget()).bounds[1]
    earliest = 4 - staleness
    for number in range(earliest, 5):
        agent.answer(Request("keep", number=10 + number, kept=number), Budget())
        assert agent.findings().cost == pytest.approx(costs[number], abs=1e-9)
    with pytest.raises(KeyError):  # too old to be asked for
        agent.answer(Request("keep", number=20, kept=earliest - 1), Budget())
