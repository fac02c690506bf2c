"""What crosses between operators: two kinds of message, and the log that proves it.

A coordinator puts a `Request` to an operator and gets an `Answer`. Their fields are the whole list
of what may cross. Those of `ENVELOPE` hold nobody's data: a request's question is a word of
`QUESTIONS`, and numbers count the coordinator's questions, whatever is asked and answered. Nor is
the time that is left the operators' data. Every message passes through a `Post`, which logs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from ambigrid.labels import Vector

QUESTIONS = ("range", "propose", "bound", "price", "follow", "cost", "keep", "search", "certify")
"""What an operator may be asked; see the methods of `LocalAgent` of these names."""

ENVELOPE = frozenset({"question", "number", "kept"})
"""Fields that only say which message this is; an answer repeats its request's number."""


@dataclass(frozen=True)
class Request:
    """From the coordinator to one operator.

    Attributes
    ----------
    question : str
        One of `QUESTIONS`.
    number : int
        Counts the questions of a run, from 1; a question sent again keeps its number.
    kept : int, optional
        Number of an earlier question; the point its answer told the cost of is to be kept.
    shared_values : array (shared,), optional
        Values of the operator's own shared variables.
    multipliers : array (shared,), optional
        Their prices, $ per unit.
    residuals : ((float, float), ...), optional
        Primal and dual residual of every iteration since the operator's last proposal, in the
        unit of the shared variables: one pair if it was in time.
    bounds : (float, float), optional
        Lower and upper bound on the total cost, $.
    """

    question: str
    number: int = 0
    kept: int | None = None
    shared_values: Vector | None = None
    multipliers: Vector | None = None
    residuals: tuple[tuple[float, float], ...] | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Answer:
    """From one operator to the coordinator.

    Attributes
    ----------
    number : int
        That of the question.
    shared_values : array (shared,), optional
        Values the operator wants, or the nearest that it can carry out; asked for its range,
        the least and the largest values, one after the other.
    bounds : (float, float), optional
        Lower and upper bound on the operator's own cost, $.
    subgradient : array (shared,), optional
        Slope of the lower bound in the shared values; with cut sharing only.
    """

    number: int = 0
    shared_values: Vector | None = None
    bounds: tuple[float, float] | None = None
    subgradient: Vector | None = None


WHITELIST = frozenset(
    {"boundary_baseline"}
    | {item.name for kind in (Request, Answer) for item in fields(kind)} - ENVELOPE
)
"""Names of everything that may cross; `subgradient` only with cut sharing."""

COORDINATOR = "coordinator"


@dataclass(frozen=True)
class Message:
    """One transfer: sender, receiver, iteration, question, and the size of each named array."""

    sender: str
    receiver: str
    iteration: int
    question: str
    sizes: Mapping[str, int]


@dataclass
class MessageLog:
    """Everything that crossed in a run, in order; iteration 0 is what came before the first."""

    messages: list[Message] = field(default_factory=list)

    def note(
        self, sender: str, receiver: str, iteration: int, question: str, **arrays: object
    ) -> None:
        """Record a transfer of named arrays.

        Raises
        ------
        ValueError
            If a name is not on the whitelist: nothing else may cross.
        """
        forbidden = set(arrays) - WHITELIST
        if forbidden:
            raise ValueError(f"{sorted(forbidden)} must not cross from {sender} to {receiver}")
        sizes = {name: int(np.size(np.asarray(values))) for name, values in arrays.items()}
        self.messages.append(Message(sender, receiver, iteration, question, sizes))

    def request(self, name: str, iteration: int, request: Request) -> None:
        """Record what the coordinator asks an operator."""
        self.note(COORDINATOR, name, iteration, request.question, **_contents(request))

    def answer(self, name: str, iteration: int, question: str, answer: Answer) -> None:
        """Record what an operator answers."""
        self.note(name, COORDINATOR, iteration, question, **_contents(answer))

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def last_iteration(self) -> int:
        """Iteration of the last message; 0 without one."""
        return self.messages[-1].iteration if self.messages else 0

    @property
    def volume(self) -> int:
        """Numbers that crossed in all."""
        return sum(sum(message.sizes.values()) for message in self.messages)


def _contents(message: Request | Answer) -> dict[str, object]:
    """Everything a message carries, by name."""
    names = [item.name for item in fields(message) if item.name not in ENVELOPE]
    values = {name: getattr(message, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}
