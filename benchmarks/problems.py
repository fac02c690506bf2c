"""The problems on which peers are compared; every solver gets the same one."""

from __future__ import annotations

from dataclasses import dataclass

import ambigrid as ag
from ambigrid.studies.ev_flexibility import BoundaryCall
from ambigrid.studies.ev_models import Mode


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    distributions, scenarios, hours, seed : int
        As in `scale_case`.
    """

    kind: str
    distributions: int
    scenarios: int
    hours: int
    seed: int = 0

    def study(self) -> ag.EVFlexibility:
        """Make the study; the operator's problem is its transmission agent alone."""
        case = ag.scale_case(
            distributions=self.distributions,
            scenarios=self.scenarios,
            hours=self.hours,
            seed=self.seed,
        )
        kind = KINDS[self.kind]
        return ag.EVFlexibility(case, mode=kind.mode, boundary_call=kind.boundary_call)

    @property
    def size(self) -> str:
        """The size in words."""
        return (
            f"{self.distributions} feeders, {self.scenarios} scenarios per operator, "
            f"{self.hours} hours"
        )

    def calls(self) -> int:
        """Return how many calls each feeder must be ready for: the corners of its box."""
        return 2**self.hours if KINDS[self.kind].boundary_call == "adversarial" else 1


@dataclass(frozen=True)
class Kind:
    """What a kind of problem is about.

    Attributes
    ----------
    title : str
    mode, boundary_call
        As in `EVFlexibility`.
    whole : bool
        Whether it is the whole system, or the transmission operator at zero exchange.
    """

    title: str
    mode: Mode
    boundary_call: BoundaryCall
    whole: bool


KINDS = {
    "operator": Kind("one operator", "distribution_only", "ignored", False),
    "ignored": Kind("system, no calls", "both", "ignored", True),
    "listed": Kind("system, all calls, short day", "both", "adversarial", True),
    "full": Kind("system, all calls, whole day", "both", "adversarial", True),
}
