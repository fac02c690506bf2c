"""What every agent's decision costs, put together from its answers; nothing more is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ambigrid.coordination.messages import Answer

_TRIED, _SEARCHED = ("price", "follow", "cost"), ("search", "certify")
"""Questions whose answer tells the cost of a trial decision, and of the one that is kept."""


@dataclass
class Costs:
    """Costs by agent, $.

    Attributes
    ----------
    tried : dict
        Of the decision last priced or costed.
    kept : dict
        Of the decision that the agent keeps.
    """

    tried: dict[str, float] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)

    def learn(self, name: str, question: str, answer: Answer) -> None:
        """Take note of an answer."""
        if question == "keep":
            self.kept[name] = self.tried[name]
        elif answer.bounds is not None and question in _TRIED:
            self.tried[name] = answer.bounds[1]
        elif answer.bounds is not None and question in _SEARCHED:
            self.kept[name] = answer.bounds[0]
