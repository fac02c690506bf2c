"""Where agents live: every call to one of them goes through here and gives a future."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from ambigrid.coordination.agents import Coupling, Notice
from ambigrid.coordination.local import LocalAgent
from ambigrid.errors import AmbigridError, SolverError

if TYPE_CHECKING:
    from ambigrid.study import Study


class LostAgentError(AmbigridError):
    """An agent's home is gone, with all it knew; it can be made anew elsewhere."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The worker of {name} was lost.")


class SilentAgentError(SolverError):
    """Agents have not answered in time; they may still be at work, or never answer again."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"{', '.join(self.names)} did not answer in time.")


class Homes(Protocol):
    """Every agent's home.

    Attributes
    ----------
    names : tuple of str
    notices : sequence of Notice
        What agents told one another when they were made.
    couplings : sequence of Coupling
    workers : int
        Agents that work at once.
    grace : float
        How late an answer may come before its agent counts as silent, s.
    """

    notices: Sequence[Notice]
    couplings: Sequence[Coupling]
    workers: int
    grace: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        ...

    def call(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        """Begin a method of a `LocalAgent` at its home; a `LostAgentError` may come of it."""
        ...

    def stop(self, names: Iterable[str]) -> None:
        """Make agents that are at work end after their present solve."""
        ...

    def revive(self, seconds: float) -> tuple[str, ...]:
        """Make lost agents anew, within some seconds; return their names."""
        ...


class Threads:
    """Agents in this process, at work in the threads of an executor.

    Parameters
    ----------
    study : Study
    executor : concurrent.futures.Executor

    Attributes
    ----------
    agents : dict of str to LocalAgent
    ambiguities : dict of str to AmbiguitySet
        As the study gave them.
    """

    grace = inf

    def __init__(self, study: Study, executor: Executor) -> None:
        self._executor = executor
        self.workers = int(getattr(executor, "_max_workers", 1))
        self.notices: Sequence[Notice] = [
            notice for name in study.names for notice in study.preamble(name)
        ]
        self.couplings: Sequence[Coupling] = study.couplings(self.notices)
        made = {name: study.agent(name, addressed(self.notices, name)) for name in study.names}
        self.ambiguities = {name: agent.ambiguity for name, agent in made.items()}
        making = {
            name: executor.submit(LocalAgent, agent, joined(self.couplings, name))
            for name, agent in made.items()
        }
        self.agents = {name: future.result() for name, future in making.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        return tuple(self.agents)

    def call(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        """Begin a method of an agent in a thread of the executor."""
        return self._executor.submit(getattr(self.agents[name], method), *arguments)

    def stop(self, names: Iterable[str]) -> None:
        """Do nothing: threads see the budget that was stopped."""

    def revive(self, seconds: float) -> tuple[str, ...]:
        """Return nobody: no thread is lost alone."""
        return ()


def addressed(notices: Sequence[Notice], name: str) -> list[Notice]:
    """Notices that an agent receives."""
    return [notice for notice in notices if notice.receiver == name]


def joined(couplings: Sequence[Coupling], name: str) -> list[Coupling]:
    """Couplings that an agent takes part in."""
    return [coupling for coupling in couplings if name in coupling.members]
