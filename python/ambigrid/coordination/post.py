"""Questions on their way to agents and answers on their way back: in order, none lost, none twice.

Every agent has one question on its way at a time; what else it is to be asked stands in line. A
question that stays unanswered beyond the patience is sent again under its own number, and again
after twice that time. The agent answers a number once (`Desk`), so that however often messages are
lost, late or doubled, agents do what they are asked once each and in order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from math import inf

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.costs import Costs
from ambigrid.coordination.homes import Homes
from ambigrid.coordination.messages import Answer, MessageLog, Request


@dataclass(frozen=True)
class Reply:
    """An answer beside the request it belongs to and the iteration in which that was put."""

    name: str
    request: Request
    answer: Answer
    iteration: int


@dataclass
class _Question:
    """A request, and every copy of it that was sent."""

    name: str
    request: Request
    iteration: int
    budget: Budget
    patience: float
    copies: list[Future[Answer]] = field(default_factory=list)
    due: float = inf

    @property
    def answered(self) -> Future[Answer] | None:
        """The first copy that came back with an answer; those that came too early are left out."""
        self.copies = [copy for copy in self.copies if not copy.done() or self._is_mine(copy)]
        return next((copy for copy in self.copies if copy.done()), None)

    def _is_mine(self, copy: Future[Answer]) -> bool:
        """Whether an answer, or a failure, belongs to this question: it bears its number."""
        return copy.exception() is not None or copy.result().number == self.request.number


class Post:
    """Carries questions to agents and their answers back.

    Parameters
    ----------
    homes : Homes
    log : MessageLog
        Every question is noted as often as it is sent, every answer once: its copies count as one.
    patience : float
        Seconds after which an unanswered question is sent again; infinite where nothing is lost.

    Attributes
    ----------
    costs : Costs
        What agents' decisions cost, as far as they have told.
    """

    def __init__(self, homes: Homes, log: MessageLog, patience: float) -> None:
        self._homes, self._log, self._patience = homes, log, patience
        self.costs = Costs()
        self._lines: dict[str, deque[_Question]] = {name: deque() for name in homes.names}
        self._since: dict[str, int] = {}
        self._back: list[_Question] = []
        self._number = 0

    @property
    def at_rest(self) -> tuple[str, ...]:
        """Agents that have answered all they were asked."""
        return tuple(name for name, line in self._lines.items() if not line)

    @property
    def at_work(self) -> tuple[str, ...]:
        """Agents that have not answered all they were asked."""
        return tuple(name for name, line in self._lines.items() if line)

    @property
    def idle(self) -> tuple[str, ...]:
        """Agents at rest whose answers were taken."""
        back = {question.name for question in self._back}
        return tuple(name for name in self.at_rest if name not in back)

    def behind(self, iteration: int, staleness: int) -> list[str]:
        """Agents at work without a rest for as many iterations as they may be."""
        return [
            name
            for name, line in self._lines.items()
            if line and iteration - self._since[name] >= staleness
        ]

    def put(self, name: str, request: Request, iteration: int, budget: Budget) -> int:
        """Put a question in an agent's line and return its number."""
        self._number += 1
        numbered = replace(request, number=self._number)
        line = self._lines[name]
        line.append(_Question(name, numbered, iteration, budget, self._patience))
        if len(line) == 1:
            self._since[name] = iteration
            self._send(line[0])
        return self._number

    def until(self, satisfied: Callable[[], bool], seconds: float = inf) -> None:
        """Wait until a condition holds or nobody is at work, but only so long.

        Raises
        ------
        Exception
            What an agent raised instead of an answer, as soon as that is known.
        """
        self._wait(lambda: satisfied() or any(map(_failed, self._back)), seconds)
        for question in filter(_failed, self._back):
            self._open(question)

    def _wait(self, satisfied: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        self._turn()
        while not satisfied() and (first := self._sent()) and time.monotonic() < end:
            due = min([end, *(question.due for question in first)])
            patience = None if due == inf else max(0.0, due - time.monotonic())
            copies = [copy for question in first for copy in question.copies]
            wait(copies, patience, FIRST_COMPLETED)
            self._turn()

    @property
    def back(self) -> set[int]:
        """Numbers of the questions whose answers are back and not yet taken."""
        return {question.request.number for question in self._back}

    def take(self, numbers: Collection[int] | None = None) -> list[Reply]:
        """Take answers that are back, all or those with the numbers, agent by agent."""
        order = list(self._lines)
        taken = [q for q in self._back if numbers is None or q.request.number in numbers]
        self._back = [question for question in self._back if question not in taken]
        return [self._open(q) for q in sorted(taken, key=lambda q: order.index(q.name))]

    def settle(self, *, finish: str, seconds: float = inf) -> tuple[str, ...]:
        """Let every agent come to rest: only questions of one kind are still put and waited for.

        What has begun ends, well or not, and its answer is forgotten. Who has not come to rest
        after some seconds is named.
        """
        end = time.monotonic() + seconds
        ended: list[tuple[str, Future[Answer]]] = []
        for name, line in self._lines.items():
            left = [question for question in line if question.request.question == finish]
            if line and line[0] not in left:
                ended += [(name, copy) for copy in line[0].copies]
            line.clear()
            line.extend(left)
        wait([copy for _, copy in ended if not copy.cancel()], None if seconds == inf else seconds)
        for question in self._sent():
            if not question.copies:
                self._send(question)
        self._wait(lambda: False, end - time.monotonic())
        self.forget()
        at_work = {name for name, copy in ended if not copy.done()}
        return tuple(name for name, line in self._lines.items() if line or name in at_work)

    def forget(self) -> None:
        """Throw away answers that are back and not yet taken."""
        self._back.clear()

    def _open(self, question: _Question) -> Reply:
        assert question.answered is not None
        answer = question.answered.result()
        self._log.answer(question.name, question.iteration, question.request.question, answer)
        self.costs.learn(question.name, question.request, answer)
        return Reply(question.name, question.request, answer, question.iteration)

    def _sent(self) -> list[_Question]:
        """Questions on their way, one of every agent at work."""
        return [line[0] for line in self._lines.values() if line]

    def _turn(self) -> None:
        """Set aside answers that are back, send what is next, send again what seems lost."""
        for line in self._lines.values():
            while line and line[0].answered is not None:
                self._back.append(line.popleft())
                if line:
                    self._send(line[0])
            if line and line[0].due <= time.monotonic():
                self._send(line[0])

    def _send(self, question: _Question) -> None:
        self._log.request(question.name, question.iteration, question.request)
        question.due = time.monotonic() + question.patience
        question.patience *= 2.0
        question.copies.append(
            self._homes.call(question.name, "answer", question.request, question.budget)
        )


def _failed(question: _Question) -> bool:
    """Whether an agent raised something instead of an answer."""
    return question.answered is not None and question.answered.exception() is not None
