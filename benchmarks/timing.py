"""Where time goes: seconds spent in chosen methods, added up over a run."""

from __future__ import annotations

import threading
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


@contextmanager
def by_phase(owner: type, name: str, phases: Methods) -> Iterator[dict[str, dict[str, float]]]:
    """Divide the processor seconds that every agent spends in a method among phases.

    Parameters
    ----------
    owner, name
        As for `by_agent`.
    phases : mapping of label to tuple of (class, method name)
        What the method comes to call, in the same thread. Where phases call one another, the
        inner one has the time.

    Yields
    ------
    dict of agent name to dict of label to seconds; "else" is the rest
    """
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    here = threading.local()

    def counted(label: str | None, method: Callable[..., Any]) -> Callable[..., Any]:
        def work(self: Any, *arguments: Any, **options: Any) -> Any:
            if label is None:
                here.agent, here.inner = self.name, 0.0
            elif not hasattr(here, "agent"):
                return method(self, *arguments, **options)
            before, here.inner = here.inner, 0.0
            started = time.thread_time()
            try:
                return method(self, *arguments, **options)
            finally:
                taken = time.thread_time() - started
                spent[here.agent][label or "else"] += taken - here.inner
                here.inner = before + taken

        return work

    with ExitStack() as stack:
        places: list[tuple[str | None, type, str]] = [(None, owner, name)]
        places += [(label, *place) for label, found in phases.items() for place in found]
        for label, place, inner in places:
            stack.enter_context(patch.object(place, inner, counted(label, getattr(place, inner))))
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
