"""Several agents and their couplings, seen from the side where messages meet."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

import numpy as np

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.coordination.homes import Homes, Threads
from ambigrid.coordination.local import LocalAgent
from ambigrid.coordination.messages import Answer, MessageLog, Request
from ambigrid.coordination.post import Post, Reply
from ambigrid.coordination.terms import Terms
from ambigrid.errors import InputError
from ambigrid.labels import Positions, Vector


class SharedVariables:
    """The vector of all shared values and each agent's part of it.

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

    def __init__(self, agents: Mapping[str, Agent], couplings: Sequence[Coupling]) -> None:
        self.couplings = tuple(couplings)
        starts = np.concatenate([[0], np.cumsum([c.size for c in couplings])]).astype(int)
        self.size = int(starts[-1])
        self.slices = {c.name: np.arange(starts[i], starts[i + 1]) for i, c in enumerate(couplings)}
        self.parts: dict[str, Positions] = {}
        for name in agents:
            mine = [self.slices[c.name] for c in couplings if name in c.columns]
            self.parts[name] = np.concatenate(mine) if mine else np.zeros(0, dtype=np.intp)
        self.copies = np.zeros(self.size)
        for part in self.parts.values():
            self.copies[part] += 1
        self.owners = {c.name: list(c.columns)[-1] for c in couplings}
        self._check(agents)

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
        return len({frozenset(coupling.columns) for coupling in self.couplings})

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

    def _check(self, agents: Mapping[str, Agent]) -> None:
        for coupling in self.couplings:
            for name, columns in coupling.columns.items():
                if name not in agents or len(columns) != coupling.size:
                    raise InputError(
                        f"agent {name!r} must hold {coupling.size} columns",
                        where=f"coupling {coupling.name}",
                        got=len(columns) if name in agents else "no such agent",
                    )


class Team:
    """The agents at their homes; everything they exchange passes through the log.

    Parameters
    ----------
    homes : Homes
    shared : SharedVariables
    log : MessageLog
    patience : float
        Seconds after which an unanswered question is put again.
    """

    def __init__(
        self, homes: Homes, shared: SharedVariables, log: MessageLog, patience: float = np.inf
    ) -> None:
        self.homes, self.shared, self.log = homes, shared, log
        self._post = Post(homes, log, patience)
        self._running: list[Future[Any]] = []
        self._states: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        return self.homes.names

    @property
    def agents(self) -> dict[str, LocalAgent]:
        """Agents of this process, for a method that looks at what they hold.

        Raises
        ------
        InputError
            If they live elsewhere.
        """
        if isinstance(self.homes, Threads):
            return self.homes.agents
        raise InputError(
            "this method gathers all data in one place, and the agents' stay where they live",
            where="solve, method",
            fix="use ADMM or CutSharing, or leave the executor out",
        )

    def agree(self, terms: Terms) -> None:
        """Tell every agent the rules of a run, which hold nobody's data.

        Answers of an earlier run that were still on their way are forgotten.
        """
        self.at_home("agree", terms)
        self._post.forget()

    @property
    def idle(self) -> tuple[str, ...]:
        """Agents at rest whose answers were taken: they wait to be asked."""
        return self._post.idle

    def ask(
        self, requests: Mapping[str, Request], iteration: int, budget: Budget
    ) -> dict[str, Answer]:
        """Put requests to agents at once and wait for all answers; both are logged."""
        numbers = {self._post.put(name, r, iteration, budget) for name, r in requests.items()}
        self._post.until(lambda: self._post.back >= numbers)
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
        for name, request in requests.items():
            self._post.put(name, request, iteration, budget)
        started = time.monotonic()
        self._post.until(lambda: 2 * len(self._post.back) >= max(asked, 1))
        self._post.until(lambda: False, seconds=time.monotonic() - started)
        self._post.until(lambda: not self._post.behind(iteration, staleness))
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

    def at_home(self, method: str, *arguments: Any) -> dict[str, Any]:
        """Call a method of every agent at rest; what it gives is its own and no message."""
        self._post.until(lambda: False)
        return self._gather(dict.fromkeys(self.names, (method, *arguments)))

    def states(self) -> dict[str, Any]:
        """Return what every agent knows; of one at work, what it knew when last at rest."""
        self._post.until(lambda: {*self._post.at_rest, *self._states} == set(self.names))
        self._states |= self._gather(dict.fromkeys(self._post.at_rest, ("state",)))
        return dict(self._states)

    def restore(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Give agents back what they knew when a run was saved."""
        self._gather({name: ("restore", dict(state)) for name, state in states.items()})

    def settle(self) -> None:
        """Wait until no agent is at work, after something has cut a question short.

        What has not begun is left out, but what some keep all keep.
        """
        wait([future for future in self._running if not future.cancel()])
        self._post.settle(finish="keep")

    def _gather(self, calls: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        futures = {name: self.homes.call(name, *call) for name, call in calls.items()}
        self._running = list(futures.values())
        return {name: future.result() for name, future in futures.items()}
