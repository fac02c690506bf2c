"""The proof of an agreement's upper bound, operator by operator."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isfinite

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.messages import Request
from ambigrid.coordination.method import Agreement, bounds_of
from ambigrid.coordination.problem import Team
from ambigrid.coordination.terms import Terms


@dataclass(frozen=True)
class Certification:
    """Upper bound, whether it is proved, the time that took, and what the search had missed.

    Attributes
    ----------
    upper : float
        Proved if `certified`, else the best the searches know, $.
    certified : bool
        Whether every agent's cost at its kept point is proved.
    seconds : float
    programs : int
        Mixed-integer programs solved.
    """

    upper: float
    certified: bool
    seconds: float
    programs: int = 0


def certify_team(team: Team, agreement: Agreement, gap: float, budget: Budget) -> Certification:
    """Prove the upper bound at every agent's kept point, to within the gap that is left.

    Parameters
    ----------
    team : Team
    agreement : Agreement
    gap : float
        Relative gap that the proved upper bound may have.
    budget : Budget
    """
    started, before = time.monotonic(), _programs(team)
    team.agree(Terms(gap, len(team.names)))
    request = Request("certify", bounds=(agreement.lower, agreement.upper))
    answers = team.ask(dict.fromkeys(team.names, request), team.log.last_iteration, budget)
    searched, proved = (sum(side) for side in zip(*map(bounds_of, answers.values()), strict=True))
    certified = isfinite(proved)
    return Certification(
        proved if certified else searched,
        certified,
        time.monotonic() - started,
        _programs(team) - before,
    )


def search_team(team: Team, budget: Budget) -> Certification:
    """Search thoroughly at every agent's kept point: no proof, but no quick word either."""
    request = Request("search")
    answers = team.ask(dict.fromkeys(team.names, request), team.log.last_iteration, budget)
    return Certification(sum(bounds_of(answer)[0] for answer in answers.values()), False, 0.0)


def _programs(team: Team) -> int:
    return sum(team.at_home("programs").values())
