"""What every agent's decision costs, put together from its answers; nothing more is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ambigrid.coordination.messages import Answer, Request

_TRIED, _SEARCHED = ("price", "follow", "cost"), ("search", "certify")
"""Questions whose answer tells the cost of a trial decision, and of the one that is kept."""


@dataclass
class Costs:
    """Costs by agent, $.

    Attributes
    ----------
    tried : dict
        Of decisions priced or costed since the one that is kept, by number of the question.
    kept : dict
        Of the decision that the agent keeps.
    """

    tried: dict[str, dict[int, float]] = field(default_factory=dict)
    kept: dict[str, float] = field(default_factory=dict)

    def learn(self, name: str, request: Request, answer: Answer) -> None:
        """Take note of an answer."""
        tried = self.tried.setdefault(name, {})
        if request.kept is not None:
            self.kept[name] = tried[request.kept]
            self.tried[name] = {k: cost for k, cost in tried.items() if k >= request.kept}
        elif answer.bounds is not None and request.question in _TRIED:
            tried[request.number] = answer.bounds[1]
        elif answer.bounds is not None and request.question in _SEARCHED:
            self.kept[name] = answer.bounds[0]
