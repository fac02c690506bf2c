"""What every coordination method takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from ambigrid.algorithms.log import History, IterationRecord, Progress
from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.problem import Team
from ambigrid.errors import InputError
from ambigrid.labels import Vector
from ambigrid.status import Status


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
        Marginal cost of the shared variables to their owners, $ per unit; NaN where unknown.
    """

    status: Status
    lower: float
    upper: float
    values: Vector
    multipliers: Vector


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
    offset : float
        Wall time of earlier runs, s.
    state : mapping
        The method's state after the last iteration.
    latest : Agreement or None
        What there is if the run is cut short now: it always fits the points that agents keep.
    """

    budget: Budget
    gap: float
    history: History = field(default_factory=History)
    progress: Progress = lambda record: None
    save: Callable[[dict[str, Any]], None] = lambda state: None
    resumed: dict[str, Any] = field(default_factory=dict)
    offset: float = 0.0
    state: dict[str, Any] = field(default_factory=dict)
    latest: Agreement | None = None

    @property
    def seconds(self) -> float:
        """Wall time of this run and of those it resumes."""
        return self.offset + self.budget.elapsed

    @property
    def iterations(self) -> int:
        """Number of the last finished iteration."""
        return self.history.last.iteration if len(self.history) else 0

    def end_iteration(self, record: IterationRecord, state: dict[str, Any]) -> None:
        """Log an iteration, save the method's state after it, and show it."""
        if record.crossed:
            record = replace(record, note=f"{record.note} bounds crossed".strip())
        self.history.append(record)
        self.state = state
        self.save(state)
        self.progress(record)


class Method(Protocol):
    """A way of bringing agents to an agreement."""

    name: ClassVar[str]

    def run(self, team: Team, run: Run) -> Agreement:
        """Coordinate the team.

        The run's `latest` agreement is kept up to date, for a run may be cut short any time.
        """
        ...

    def reopened(self, state: dict[str, Any], agreement: Agreement) -> dict[str, Any]:
        """State from which to go on where the agreement is another than the method thought.

        A proof may have raised its upper bound, or agents may have had to be made anew.
        """
        ...


def refuse_integers(team: Team, method: str) -> None:
    """Refuse agents whose cost is not convex in the shared variables.

    Raises
    ------
    InputError
    """
    for name, decision in team.at_home("integer_decision").items():
        if decision:
            raise InputError(
                f"{method} needs convex agents, and this decision is an integer",
                where=f"{name}, {decision}",
                fix="use Centralized",
            )


def values_of(message: Request | Answer) -> Vector:
    """Shared values of a message that must have them."""
    assert message.shared_values is not None
    return message.shared_values


def multipliers_of(request: Request) -> Vector:
    """Multipliers of a request that must have them."""
    assert request.multipliers is not None
    return request.multipliers


def bounds_of(answer: Answer) -> tuple[float, float]:
    """Bounds of an answer that must have them."""
    assert answer.bounds is not None
    return answer.bounds


def norm(parts: list[Vector]) -> float:
    """Euclidean norm of stacked vectors."""
    return float(np.sqrt(sum(float(part @ part) for part in parts)))
