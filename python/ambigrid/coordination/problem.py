"""Several agents and their couplings, seen from the side where messages meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, Future, wait
from math import inf, isfinite
from typing import Any

import numpy as np

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.agents import Coupling
from ambigrid.coordination.costs import Costs
from ambigrid.coordination.homes import Homes, SilentAgentError, Threads, addressed
from ambigrid.coordination.local import LocalAgent
from ambigrid.coordination.messages import Answer, MessageLog, Request
from ambigrid.coordination.post import Post, Reply
from ambigrid.coordination.terms import Terms
from ambigrid.errors import InputError
from ambigrid.labels import Positions, Vector

_CLOSING = 120.0
"""Time for an agent to put together and save what it found, s."""


class SharedVariables:
    """The vector of all shared values and each agent's part of it.

    Parameters
    ----------
    names : sequence of str
        Names of the agents.
    couplings : sequence of Coupling

    Attributes
    ----------
    couplings : tuple of Coupling
    size : int
        Length of the vector: couplings one after the other.
    parts : mapping of agent name to positions
        An agent's shared values, in the order of its couplings.
    owners : mapping of coupling name to agent name
        The agent whose values are exchanged when others must follow: the last one named.
    """

    def __init__(self, names: Sequence[str], couplings: Sequence[Coupling]) -> None:
        self.couplings = tuple(couplings)
        starts = np.concatenate([[0], np.cumsum([c.size for c in couplings])]).astype(int)
        self.size = int(starts[-1])
        self.slices = {c.name: np.arange(starts[i], starts[i + 1]) for i, c in enumerate(couplings)}
        self.parts: dict[str, Positions] = {}
        for name in names:
            mine = [self.slices[c.name] for c in couplings if name in c.members]
            self.parts[name] = np.concatenate(mine) if mine else np.zeros(0, dtype=np.intp)
        self.copies = np.zeros(self.size)
        for part in self.parts.values():
            self.copies[part] += 1
        self.owners = {c.name: c.members[-1] for c in couplings}
        self._check(names)

    @property
    def followers(self) -> tuple[str, ...]:
        """Agents that own not all of their shared values."""
        owned: dict[str, int] = dict.fromkeys(self.parts, 0)
        for coupling in self.couplings:
            owned[self.owners[coupling.name]] += coupling.size
        return tuple(name for name, part in self.parts.items() if owned[name] < len(part))

    @property
    def boundaries(self) -> int:
        """Number of different groups of agents that share something."""
        return len({frozenset(coupling.members) for coupling in self.couplings})

    def mean(self, values: Mapping[str, Vector]) -> Vector:
        """Average of the agents' copies."""
        total = np.zeros(self.size)
        for name, copy in values.items():
            total[self.parts[name]] += copy
        return total / np.maximum(self.copies, 1)

    def owned(self, values: Mapping[str, Vector]) -> Vector:
        """Shared values as their owners have them."""
        exchange = np.zeros(self.size)
        for coupling in self.couplings:
            owner = self.owners[coupling.name]
            full = np.zeros(self.size)
            full[self.parts[owner]] = values[owner]
            exchange[self.slices[coupling.name]] = full[self.slices[coupling.name]]
        return exchange

    def _check(self, names: Sequence[str]) -> None:
        for coupling in self.couplings:
            strangers = set(coupling.members) - set(names)
            if strangers:
                raise InputError(
                    "a coupling names somebody who is no agent",
                    where=f"coupling {coupling.name}",
                    got=", ".join(sorted(strangers)),
                    fix=f"use names of {', '.join(names)}",
                )


class Team:
    """The agents at their homes; everything they exchange passes through the log.

    Parameters
    ----------
    homes : Homes
    log : MessageLog
    patience : float
        Seconds after which an unanswered question is put again.

    Attributes
    ----------
    shared : SharedVariables
    budget : Budget
        Time for what is asked without a budget of its own.
    silent : set of str
        Agents that did not answer in time; they are not asked again.
    """

    def __init__(self, homes: Homes, log: MessageLog, patience: float = inf) -> None:
        self.homes, self.log = homes, log
        self.shared = SharedVariables(homes.names, homes.couplings)
        self.budget = Budget()
        self.silent: set[str] = set()
        self._post = Post(homes, log, patience)
        self._running: dict[str, Future[Any]] = {}
        self._states: dict[str, Any] = {}
        self._terms: Terms | None = None
        self._note_preamble(homes.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        return self.homes.names

    @property
    def costs(self) -> Costs:
        """What agents' decisions cost, as far as they have told."""
        return self._post.costs

    @property
    def here(self) -> bool:
        """Whether the agents live in this process."""
        return isinstance(self.homes, Threads)

    @property
    def agents(self) -> dict[str, LocalAgent]:
        """Agents of this process, for a method that looks at what they hold."""
        assert isinstance(self.homes, Threads)
        return self.homes.agents

    @property
    def idle(self) -> tuple[str, ...]:
        """Agents at rest whose answers were taken: they wait to be asked."""
        return self._post.idle

    # Messages ------------------------------------------------------------------------------

    def ask(
        self, requests: Mapping[str, Request], iteration: int, budget: Budget
    ) -> dict[str, Answer]:
        """Put requests to agents at once and wait for all answers; both are logged."""
        numbers = self._put(requests, iteration, budget)
        self._until(lambda: self._post.back >= numbers, budget)
        return {reply.name: reply.answer for reply in self._post.take(numbers)}

    def exchange(
        self, requests: Mapping[str, Request], iteration: int, budget: Budget, staleness: int
    ) -> list[Reply]:
        """Put requests to agents at once and take what answers there are, old ones included.

        Once half of the agents that were at rest have answered, the others get as long again;
        who is not back then is late, and waited for only if it has been at work without a rest
        for `staleness` iterations. So with 0 everybody is waited for.
        """
        asked = len(set(requests) & set(self.idle))
        self._put(requests, iteration, budget)
        started = time.monotonic()
        self._until(lambda: 2 * len(self._post.back) >= max(asked, 1), budget)
        self._post.until(lambda: False, seconds=time.monotonic() - started)
        self._until(lambda: not self._post.behind(iteration, staleness), budget)
        return self._post.take()

    def arrived(self) -> list[Reply]:
        """Take answers that came while others were waited for."""
        return self._post.take()

    def keep(self, answers: Mapping[str, Answer], iteration: int, budget: Budget) -> None:
        """Make every agent keep, as its part of the best answer, the point its answer told of.

        That is waited for, late agents included, so that all keep points that belong together.
        """
        requests = {name: Request("keep", kept=answer.number) for name, answer in answers.items()}
        self.ask(requests, iteration, budget)

    # What is no message --------------------------------------------------------------------

    def agree(self, terms: Terms) -> None:
        """Tell every agent the rules of a run, which hold nobody's data.

        Answers of an earlier run that were still on their way are forgotten.
        """
        self._terms = terms
        self.at_home("agree", terms)
        self._post.forget()

    def at_home(self, method: str, *arguments: Any) -> dict[str, Any]:
        """Call a method of every agent at rest; what it gives is its own and no message."""
        self._until(lambda: False, self.budget)
        return self._gather(dict.fromkeys(self.names, (method, *arguments)), self.budget)

    def states(self) -> dict[str, Any]:
        """Return what every agent knows; of one at work, what it knew when last at rest."""
        known = self._states
        self._until(lambda: {*self._post.at_rest, *known} == set(self.names), self.budget)
        known |= self._gather(dict.fromkeys(self._post.at_rest, ("state",)), self.budget)
        return dict(known)

    def restore(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Give agents back what they knew when a run was saved."""
        calls = {name: ("restore", dict(state)) for name, state in states.items()}
        self._gather(calls, self.budget)

    def revive(self) -> None:
        """Make lost agents anew and tell them what they had been told.

        Raises
        ------
        LostAgentError, SolverError
            If another is lost meanwhile, or none can be made.
        """
        revived = self.homes.revive(self.budget.remaining + self.homes.grace)
        self._states = {n: state for n, state in self._states.items() if n not in revived}
        self._note_preamble(revived)
        if self._terms is not None:
            self.agree(self._terms)

    def reach(self, calls: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """Call methods of agents once all is over; return what those give that can be reached."""
        reachable = {name: call for name, call in calls.items() if name not in self.silent}
        self._running = {name: self.homes.call(name, *call) for name, call in reachable.items()}
        self._wait(_CLOSING, ALL_COMPLETED)
        return {
            name: future.result()
            for name, future in self._running.items()
            if future.done() and future.exception() is None
        }

    def settle(self, seconds: float = 0.0) -> None:
        """Wait until no agent is at work, after something has cut a question short.

        What has not begun is left out, but what some keep all keep. Who is still at work some
        seconds and the grace later is silent.
        """
        running = (name for name, future in self._running.items() if not future.done())
        self.homes.stop({*running, *self._post.at_work})
        for future in self._running.values():
            future.cancel()
        self._wait(seconds + self.homes.grace, ALL_COMPLETED)
        self.silent |= set(self._post.settle(finish="keep", seconds=seconds + self.homes.grace))

    def _put(self, requests: Mapping[str, Request], iteration: int, budget: Budget) -> set[int]:
        self._refuse_silence(requests)
        return {self._post.put(name, r, iteration, budget) for name, r in requests.items()}

    def _until(self, satisfied: Callable[[], bool], budget: Budget) -> None:
        """Wait for answers; who has none when time and grace are over is silent."""
        self._post.until(satisfied, budget.remaining + self.homes.grace)
        if not satisfied():
            self.silent |= set(self._post.at_work)
            self._refuse_silence(self._post.at_work)

    def _gather(self, calls: Mapping[str, tuple[Any, ...]], budget: Budget) -> dict[str, Any]:
        self._refuse_silence(calls)
        self._running = {name: self.homes.call(name, *call) for name, call in calls.items()}
        self._wait(budget.remaining + self.homes.grace, FIRST_EXCEPTION)
        found = {name: future.result() for name, future in self._running.items() if future.done()}
        self._refuse_silence(calls)
        return found

    def _wait(self, seconds: float, until: str) -> None:
        """Wait for those at work; who is still at work after that time is silent."""
        awaited = [future for name, future in self._running.items() if name not in self.silent]
        done, _ = wait(awaited, seconds if isfinite(seconds) else None, until)
        failed = any(not future.cancelled() and future.exception() for future in done)
        if not failed or until == ALL_COMPLETED:
            self.silent |= {n for n, future in self._running.items() if not future.done()}

    def _refuse_silence(self, names: Iterable[str]) -> None:
        if self.silent & set(names):
            raise SilentAgentError(sorted(self.silent))

    def _note_preamble(self, names: Sequence[str]) -> None:
        for name in names:
            for notice in addressed(self.homes.notices, name):
                told = {notice.name: notice.values}
                self.log.note(notice.sender, name, 0, "baseline", **told)
