"""Where agents live: every call to one of them goes through here and gives a future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.coordination.local import LocalAgent


class Homes(Protocol):
    """Every agent's home.

    Attributes
    ----------
    names : tuple of str
    workers : int
        Agents that work at once.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        ...

    @property
    def workers(self) -> int:
        """Agents that work at once."""
        ...

    def call(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        """Begin a method of a `LocalAgent` at its home."""
        ...


class Threads:
    """Agents in this process, at work in the threads of an executor.

    Parameters
    ----------
    agents : mapping of name to Agent
    couplings : sequence of Coupling
    executor : concurrent.futures.Executor
    """

    def __init__(
        self, agents: Mapping[str, Agent], couplings: Sequence[Coupling], executor: Executor
    ) -> None:
        self._executor = executor
        self.workers = int(getattr(executor, "_max_workers", 1))
        making = {
            name: executor.submit(LocalAgent, agent, [c for c in couplings if name in c.columns])
            for name, agent in agents.items()
        }
        self.agents = {name: future.result() for name, future in making.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        return tuple(self.agents)

    def call(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        """Begin a method of an agent in a thread of the executor."""
        return self._executor.submit(getattr(self.agents[name], method), *arguments)
