"""What every coordination method takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from ambigrid.algorithms.log import History, IterationRecord, Progress
from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.problem import Team
from ambigrid.labels import Vector
from ambigrid.status import Status


@dataclass
class Run:
    """A run's surroundings: budget, tolerance, log, and where to save its state.

    Attributes
    ----------
    budget : Budget
    gap : float
        Relative gap at which to stop.
    history : History
    progress : callable
        Receives every record.
    save : callable
        Receives the method's state after every iteration.
    resumed : mapping
        State of an earlier run, empty for a fresh one.
    """

    budget: Budget
    gap: float
    history: History = field(default_factory=History)
    progress: Progress = lambda record: None
    save: Callable[[dict[str, Any]], None] = lambda state: None
    resumed: dict[str, Any] = field(default_factory=dict)
    offset: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall time of this run and of those it resumes."""
        return self.offset + self.budget.elapsed

    def tolerance(self, lower: float, upper: float, agents: int) -> float:
        """Absolute accuracy, $, that one agent's answer needs; infinite while costs are unknown."""
        known = [abs(bound) for bound in (lower, upper) if np.isfinite(bound)]
        return self.gap * max(known) / (4 * agents) if known else np.inf

    def record(self, record: IterationRecord) -> None:
        """Log an iteration and show it."""
        self.history.append(record)
        self.progress(record)

    def keep_state(self, state: dict[str, Any]) -> None:
        """Remember the method's state after an iteration, and save it."""
        self.state = state
        self.save(state)


@dataclass(frozen=True)
class Agreement:
    """What a method ends with.

    Attributes
    ----------
    status : Status
    lower, upper : float
        Bounds on the total cost, $.
    values : array (shared,)
        Exchange that every agent's kept point carries out.
    multipliers : array (shared,)
        Marginal cost of the shared variables to their owners, $ per unit.
    iterations : int
    """

    status: Status
    lower: float
    upper: float
    values: Vector
    multipliers: Vector
    iterations: int


class Method(Protocol):
    """A way of bringing agents to an agreement."""

    name: ClassVar[str]

    def run(self, team: Team, run: Run) -> Agreement:
        """Coordinate the team."""
        ...

    def reopened(self, state: dict[str, Any]) -> dict[str, Any]:
        """State from which to go on after a proof has raised the upper bound."""
        ...


def norm(parts: list[Vector]) -> float:
    """Euclidean norm of stacked vectors."""
    return float(np.sqrt(sum(float(part @ part) for part in parts)))
