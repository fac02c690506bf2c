"""What crosses between operators, and the log that proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

WHITELIST = frozenset(
    {
        "boundary_baseline",
        "shared_values",
        "multipliers",
        "penalty",
        "residuals",
        "bounds",
        "subgradient",
    }
)
"""Names of everything that may cross; `subgradient` only with cut sharing."""

COORDINATOR = "coordinator"


@dataclass(frozen=True)
class Message:
    """One transfer: sender, receiver, iteration, and the size of each named array."""

    sender: str
    receiver: str
    iteration: int
    sizes: Mapping[str, int]


@dataclass
class MessageLog:
    """Everything that crossed in a run, in order."""

    messages: list[Message] = field(default_factory=list)

    def note(self, sender: str, receiver: str, iteration: int, **arrays: object) -> None:
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
        self.messages.append(Message(sender, receiver, iteration, sizes))

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def volume(self) -> int:
        """Numbers that crossed in all."""
        return sum(sum(message.sizes.values()) for message in self.messages)
