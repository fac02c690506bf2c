"""The proof of an agreement's upper bound, operator by operator."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isfinite

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.local import LocalAgent, Proof
from ambigrid.coordination.method import Agreement
from ambigrid.coordination.problem import Team


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
    started = time.monotonic()
    room = max(gap * abs(agreement.upper) - (agreement.upper - agreement.lower), 0.0)
    share = 0.95 * room / len(team.agents)

    def question(agent: LocalAgent) -> Proof:
        return agent.certify(share, budget)

    proofs: dict[str, Proof] = team.ask_all(question)
    proved = sum(proof.proved for proof in proofs.values())
    searched = sum(proof.searched for proof in proofs.values())
    certified = isfinite(proved)
    return Certification(
        proved if certified else searched,
        certified,
        time.monotonic() - started,
        sum(proof.solved for proof in proofs.values()),
    )
