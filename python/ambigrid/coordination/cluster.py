"""Agents as actors on the workers of a Dask cluster, each beside its own data.

Nothing here needs `distributed` to be installed: who has a client of a cluster has it, too.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, TypeGuard
from uuid import uuid4

from ambigrid.coordination.agents import Coupling, Notice
from ambigrid.coordination.centralized import Centralized
from ambigrid.coordination.homes import LostAgentError, SilentAgentError, addressed, joined
from ambigrid.coordination.method import Method
from ambigrid.coordination.resident import Resident
from ambigrid.errors import AmbigridError, InputError, SolverError

if TYPE_CHECKING:
    import distributed

    from ambigrid.study import Study

_GRACE = 10.0
"""How late an answer may come before its agent counts as silent, s."""

_LOOK = 0.5
"""Time between two looks at whether an agent's home still exists, s."""

_WAIT = 30.0
"""How long to wait for a worker where there is none, s."""

_PLACING = 120.0
"""How long a worker may take to load this package and take an agent in, s."""

_LOSSES = 3
"""How often one agent may be lost before the run is given up."""


def is_client(executor: object) -> TypeGuard[distributed.Client]:
    """Whether an executor is a client of a Dask cluster; nothing is imported to find out."""
    known = sys.modules.get("distributed")
    return known is not None and isinstance(executor, known.Client)


@contextmanager
def connected(address: str) -> Iterator[distributed.Client]:
    """Connect to the scheduler of a cluster.

    Raises
    ------
    InputError
        If `distributed` is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "a cluster needs the package distributed",
            where="--scheduler",
            fix="install it with pip install 'ambigrid[distributed]'",
        ) from error
    try:
        client = Client(address, timeout=_WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            "no scheduler answers there",
            where="--scheduler",
            got=address,
            fix="start one with `dask scheduler` and give its address, such as tcp://10.0.0.1:8786",
        ) from error
    with client:
        yield client


@dataclass(frozen=True)
class _Home:
    """An agent's actor, and the future that tells whether it still exists."""

    address: str
    actor: Any
    future: Any

    @property
    def gone(self) -> bool:
        return bool(self.future.status != "finished" or self.future.client.status != "running")


class Cluster:
    """Agents on workers, spread evenly; one worker may be home to several.

    Parameters
    ----------
    study : Study
        With the path of a case file, which its operators find on their workers.
    client : distributed.Client

    Raises
    ------
    InputError
        If the study holds its case in memory, or an operator's data cannot be used.
    SolverError
        If there is no worker, or an operator is lost again and again.
    """

    grace = _GRACE

    def __init__(self, study: Study, client: distributed.Client) -> None:
        _check(study, client)
        self._study, self._client = study, client
        self._homes: dict[str, _Home] = {}
        self._ready: set[str] = set()
        self._placed: Counter[str] = Counter()
        self.names = study.names
        self.notices: Sequence[Notice] = ()
        self.couplings: Sequence[Coupling] = ()
        self.workers = min(len(self._addresses(_WAIT)), len(self.names))

    def __enter__(self) -> Cluster:
        """Place all agents; they tell one another what they must know and build their programs."""
        while len(self._ready) < len(self.names):
            with suppress(LostAgentError):
                self.revive(inf)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # the cluster may be gone
            self._client.cancel([home.future for home in self._homes.values()], force=True)

    def call(self, name: str, method: str, *arguments: Any) -> Future[Any]:
        """Begin a method of a `Resident` on its worker; it cannot be cancelled any more."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        loop = self._client.loop
        assert loop is not None
        loop.add_callback(self._attend, future, name, method, arguments)
        return future

    def stop(self, names: Iterable[str]) -> None:
        """Make agents that are at work end after their present solve."""
        for name in names:
            self.call(name, "stop")

    def revive(self, seconds: float) -> tuple[str, ...]:
        """Make agents anew that were never made or lost; return their names."""
        ends = time.monotonic() + seconds
        self._ready -= {name for name in self.names if self._gone(name)}
        lost = tuple(name for name in self.names if name not in self._ready)
        self._place([name for name in lost if self._gone(name)], seconds)
        if not self.couplings:
            told = self._gather(dict.fromkeys(self.names, ("preamble",)), ends)
            self.notices = [notice for notices in told.values() for notice in notices]
            self.couplings = self._study.couplings(self.notices)
        self._gather({name: self._settling(name) for name in lost}, ends)
        self._ready |= set(lost)
        return lost

    def _settling(self, name: str) -> tuple[Any, ...]:
        return "settle_in", addressed(self.notices, name), joined(self.couplings, name)

    def _gone(self, name: str) -> bool:
        return name not in self._homes or self._homes[name].gone

    def _place(self, names: Sequence[str], seconds: float) -> None:
        """Make actors, each on a worker with the fewest."""
        addresses = self._addresses(min(seconds, _WAIT)) if names else []
        taken = Counter(home.address for home in self._homes.values() if not home.gone)
        placing = {}
        for name in names:
            address = min(addresses, key=lambda known: taken[known])
            taken[address] += 1
            placing[name] = address, self._actor(name, address)
        for name, (address, future) in placing.items():
            with suppress(Exception):  # who has no home then is lost
                with self._client.as_current():  # an actor binds to the current client
                    actor = future.result(timeout=min(seconds, _PLACING))
                self._homes[name] = _Home(address, actor, future)
        for name in names:
            if self._gone(name):
                raise LostAgentError(name)

    def _actor(self, name: str, address: str) -> Any:
        if self._placed[name] > _LOSSES:
            raise SolverError(f"{name} was lost with its worker {self._placed[name]} times.")
        self._placed[name] += 1
        self._homes.pop(name, None)
        return self._client.submit(
            Resident, self._study, name, actor=True, key=f"{name}-{uuid4().hex}",
            workers=[address], allow_other_workers=False,
        )  # fmt: skip

    def _addresses(self, seconds: float) -> list[str]:
        """Addresses of all workers, once there is one."""
        ends = time.monotonic() + seconds
        while True:
            found: dict[str, int] = {}
            with suppress(Exception):  # without an answer there is no worker
                found = self._client.nthreads()
            if found:
                return list(found)
            if time.monotonic() >= ends or self._client.status == "closed":
                raise SolverError("The Dask cluster has no worker.")
            time.sleep(_LOOK)

    def _gather(self, calls: Mapping[str, tuple[Any, ...]], ends: float) -> dict[str, Any]:
        futures = {name: self.call(name, *call) for name, call in calls.items()}
        seconds = ends - time.monotonic() if isfinite(ends) else None
        _, late = wait(futures.values(), seconds, FIRST_EXCEPTION)
        found = {name: future.result() for name, future in futures.items() if future.done()}
        if late:
            raise SilentAgentError(name for name in futures if name not in found)
        return found

    async def _attend(
        self, future: Future[Any], name: str, method: str, arguments: tuple[Any, ...]
    ) -> None:
        """Wait for an actor's answer; an actor that cannot give one is lost."""
        home = self._homes.get(name)
        try:
            if home is None:
                raise LostAgentError(name)
            future.set_result(await self._answer(home, method, arguments))
        except AmbigridError as error:
            future.set_exception(error)
        except (Exception, asyncio.CancelledError) as error:
            lost = LostAgentError(name)
            lost.__cause__ = error
            if self._homes.get(name) is home:
                self._homes.pop(name, None)
            future.set_exception(lost)

    async def _answer(self, home: _Home, method: str, arguments: tuple[Any, ...]) -> Any:
        answer = asyncio.ensure_future(_awaited(getattr(home.actor, method)(*arguments)))
        while not home.gone:
            done, _ = await asyncio.wait({answer}, timeout=_LOOK)
            if done:
                return answer.result()
        answer.cancel()
        raise ConnectionError(f"the worker at {home.address} is gone")


async def _awaited(answer: Any) -> Any:
    return await answer


def check_options(method: Method, **options: object) -> None:
    """Refuse what would bring operators' own knowledge to the coordinator.

    Raises
    ------
    InputError
    """
    if method.name == Centralized.name:
        raise InputError(
            "this method gathers all data in one place, and the agents' stay on their workers",
            where="solve, method",
            got=method.name,
            fix="use ADMM or CutSharing, or threads instead of a cluster",
        )
    for name, value in options.items():
        if value is not None:
            raise InputError(
                "a checkpoint holds what operators know, which stays on their workers",
                where=f"solve, {name}",
                got=value,
                fix=f"leave {name} out, or solve with threads",
            )


def _check(study: Study, client: distributed.Client) -> None:
    if study.source.path is None:
        raise InputError(
            "on a cluster every operator reads its own group of a case file",
            where="solve, executor",
            got="a case in memory",
            fix="save the case with ag.save_case and give the study its path",
        )
    if client.asynchronous:
        raise InputError(
            "the client must not be asynchronous",
            where="solve, executor",
            fix="make it with asynchronous=False",
        )
