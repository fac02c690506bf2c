"""What the source document says, claim by claim, about each of its two systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ambigrid.studies.reproduction.judging import NOT_CLAIMED, Claim

REPORTED = "report only"

# Name of the claim, its words, the source's figures on t30d2 and t118d10.
_CLAIMS: tuple[tuple[str, str, str, str], ...] = (
    ("cost_1_2", "total cost: case 1 (both) below case 2 (DSO only)", "−13.95 %", "−60,280 $"),
    ("cost_2_3", "total cost: case 2 below case 3 (no EV flexibility)", "below", "below"),
    ("cost_1_3", "total cost: case 1 below case 3", "−20.63 %", "−89,344 $"),
    ("transmission_cost_1_2", "TSO cost: case 1 below case 2", "−19.87 %", "−6.66 %"),
    ("expected_curtailment_1_2", "expected curtailment: case 1 below case 2", "−75.06 %",
     "−29.51 %"),
    ("expected_shedding_1_2", "expected shedding: case 1 below case 2", "−51.76 %", "−21.11 %"),
    ("expected_curtailment_1_3", "expected curtailment: case 1 below case 3", "−80.86 %",
     "−33.55 %"),
    ("expected_shedding_1_3", "expected shedding: case 1 below case 3", "−64.27 %", "−31.64 %"),
    ("line_loading_max", "largest loading of the line most loaded in cases 2 and 3",
     "−18.4 percentage points", NOT_CLAIMED),
    ("line_loading_average", "average loading of the line most loaded in cases 2 and 3", "−5.4 %",
     NOT_CLAIMED),
    ("cost_dro_ro", "total cost: ARO-DRO below ARO-RO", "−10.11 %", "−13.09 %"),
    ("worst_curtailment_relative",
     "worst-case curtailment: ARO-DRO below ARO-SO; calls: same shares of the own offer",
     "−37.53 %", "−45.18 MW"),
    ("worst_curtailment_absolute",
     "worst-case curtailment: ARO-DRO below ARO-SO; calls: same MW", "−37.53 %", "−45.18 MW"),
    ("worst_shedding_relative",
     "worst-case shedding: ARO-DRO below ARO-SO; calls: same shares of the own offer",
     "−45.19 %", "−25.84 MW"),
    ("worst_shedding_absolute",
     "worst-case shedding: ARO-DRO below ARO-SO; calls: same MW", "−45.19 %", "−25.84 MW"),
    ("worst_boundary_violation_relative",
     "worst-case boundary violation: ARO-DRO below ARO-SO; calls: same shares of the own offer",
     "−50.12 %", "−20.18 MW"),
    ("worst_boundary_violation_absolute",
     "worst-case boundary violation: ARO-DRO below ARO-SO; calls: same MW", "−50.12 %",
     "−20.18 MW"),
    ("ignored_reserve_up", "ignoring the call: more reserve up is offered", "+11.59 MW",
     NOT_CLAIMED),
    ("ignored_reserve_down", "ignoring the call: more reserve down is offered", "+9.28 MW",
     NOT_CLAIMED),
    ("ignored_violation_relative",
     "ignoring the call: more violation under the calls of case 4; same shares of the own offer",
     "+10.89 MW", NOT_CLAIMED),
    ("ignored_violation_absolute",
     "ignoring the call: more violation under the calls of case 4; same MW", "+10.89 MW",
     NOT_CLAIMED),
    ("admm_iterations", "ADMM iterations at penalty {penalty:g}, residual 0.1 MW × {boundaries}",
     "17", "20"),
    ("penalty_sweep", "ADMM iterations over penalties 0.5 to 100: worst at the ends",
     "over 100 at 0.5 and at 100", "over 100 at 0.5 and at 100"),
    ("adaptive_penalty", "an adaptive penalty needs fewer iterations", "to an extent",
     "to an extent"),
    ("radius_cost", "radius 5/0.5, 10/1, 15/1.5: cost rises", REPORTED, "yes"),
    ("radius_curtailment", "radius 5/0.5, 10/1, 15/1.5: worst-case curtailment falls", REPORTED,
     "yes"),
    ("radius_shedding", "radius 5/0.5, 10/1, 15/1.5: worst-case shedding falls", REPORTED, "yes"),
    ("radius_boundary_violation", "radius 5/0.5, 10/1, 15/1.5: worst-case boundary violation falls",
     REPORTED, "yes"),
    ("wind_cost", "wind 45 to 70 % of load energy: cost rises", "yes", "yes"),
    ("wind_curtailment", "wind 45 to 70 %: worst-case curtailment rises", "yes", "yes"),
    ("wind_shedding", "wind 45 to 70 %: worst-case shedding rises", "yes", "yes"),
    ("wind_boundary_violation", "wind 45 to 70 %: worst-case boundary violation rises", "yes",
     "yes"),
    ("wind_sharp", "wind: cost rises sharply after 65 %", "yes", "yes"),
    ("gap_to_centralized", "distributed against centralised objective", "below 1 %", "below 1 %"),
    ("wall_seconds", "wall time of case 1", "1,480 s, serial", "9,613 s, serial"),
)  # fmt: skip

_THEOREMS = ("radius_cost",)
"""Judged by their margin even where the source's figure is only reported."""


@dataclass(frozen=True)
class Account:
    """The source's claims on one system, and what it says of its own runs there.

    Attributes
    ----------
    claims : mapping of str to Claim
        All claims of the source by name; one that it does not make here has no verdict.
    penalty : float
        Penalty of its ADMM, $/MW².
    iterations : int
        Iterations of its ADMM.
    boundaries : int
        Feeders; its tolerance is 0.1 MW for each.
    seconds : float
        Its wall time, s.
    robust_seconds : float
        Time limit of our run of ARO-RO, whose lower bound is what counts, s.
    """

    claims: Mapping[str, Claim]
    penalty: float
    iterations: int
    boundaries: int
    seconds: float
    robust_seconds: float

    @property
    def penalties(self) -> tuple[float, ...]:
        """Penalties of the sweep, $/MW²."""
        return (0.5, 5.0, self.penalty, 50.0, 100.0)

    @property
    def starts(self) -> tuple[float, ...]:
        """Penalties from which an adaptive one starts, $/MW²."""
        return (0.5, self.penalty, 100.0)


def _account(column: int, **own: float) -> Account:
    claims = {}
    for name, text, *figures in _CLAIMS:
        figure = figures[column]
        judged = figure not in (NOT_CLAIMED, REPORTED) or name in _THEOREMS
        claims[name] = Claim(name, text.format(**own), figure, judged)
    return Account(claims, **own)  # type: ignore[arg-type]


ACCOUNTS: Mapping[str, Account] = {
    "t30d2": _account(
        0, penalty=15.0, iterations=17, boundaries=2, seconds=1480.0, robust_seconds=120.0
    ),
    "t118d10": _account(
        1, penalty=20.0, iterations=20, boundaries=10, seconds=9613.0, robust_seconds=600.0
    ),
}
"""By built-in system."""
