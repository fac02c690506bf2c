"""Bounds put together from the answers of all agents, which need not come in the same iteration."""

from __future__ import annotations

from dataclasses import dataclass, field

from ambigrid.coordination.messages import Answer
from ambigrid.coordination.method import bounds_of
from ambigrid.coordination.post import Reply
from ambigrid.labels import Vector


@dataclass
class Round:
    """One question about the same exchange and prices to everybody.

    A sum of some agents' costs at one exchange and of others' at another bounds nothing, nor does
    a sum of least costs at prices that do not balance. So answers count when the round is whole.

    Attributes
    ----------
    iteration : int
        In which the question was put; answers are recognised by it.
    agents : int
        Number of answers that make the round whole.
    values, prices : array (shared,)
        What was asked about.
    answers : dict of agent name to Answer
    """

    iteration: int
    agents: int
    values: Vector
    prices: Vector
    answers: dict[str, Answer] = field(default_factory=dict)

    def take(self, reply: Reply) -> None:
        """Take an answer if it belongs to this round."""
        if reply.iteration == self.iteration:
            self.answers[reply.name] = reply.answer

    @property
    def whole(self) -> bool:
        """Whether every agent has answered."""
        return len(self.answers) == self.agents

    @property
    def bounds(self) -> tuple[float, float]:
        """Sums of the lower and of the upper bounds, $."""
        lower, upper = zip(*map(bounds_of, self.answers.values()), strict=True)
        return sum(lower), sum(upper)
