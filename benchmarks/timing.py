"""Where time goes: seconds spent in chosen methods, added up over a run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

Methods = Mapping[str, tuple[tuple[type, str], ...]]


@contextmanager
def timed(methods: Methods) -> Iterator[dict[str, float]]:
    """Add up the seconds spent in methods while the block runs.

    Parameters
    ----------
    methods : mapping of label to tuple of (class, method name)
        Methods of one label must not call each other, nor those of another label.

    Yields
    ------
    dict of label to seconds
    """
    spent: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        for label, places in methods.items():
            for owner, name in places:
                stack.enter_context(patch.object(owner, name, _counted(owner, name, label, spent)))
        yield spent


@contextmanager
def by_agent(owner: type, name: str) -> Iterator[dict[str, float]]:
    """Add up the processor seconds that every agent spends in a method while the block runs.

    Parameters
    ----------
    owner : type
        Class of the agents, which have a ``name``.
    name : str
        The method; one agent is in it once at a time.

    Yields
    ------
    dict of agent name to seconds of its threads
    """
    spent: dict[str, float] = defaultdict(float)
    method = getattr(owner, name)

    def counted(agent: Any, *arguments: Any, **options: Any) -> Any:
        started = time.thread_time()
        try:
            return method(agent, *arguments, **options)
        finally:
            spent[agent.name] += time.thread_time() - started

    with patch.object(owner, name, counted):
        yield spent


def seconds(work: Callable[[], Any]) -> float:
    """Return the wall time of a piece of work, s."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _counted(owner: type, name: str, label: str, spent: dict[str, float]) -> Callable[..., Any]:
    method = getattr(owner, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return method(*arguments, **options)
        finally:
            spent[label] += time.perf_counter() - started

    return counted
