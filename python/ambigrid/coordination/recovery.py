"""Going on after an agent was lost with its home, and with it all that it knew.

An agent made anew has its data and the rules of the run, but neither cuts nor a decision. So all
agents are asked for the cost of the best exchange again and keep what they find there: then the
upper bound is the cost of decisions that exist. Lower bounds hold whoever gave them.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np

from ambigrid.coordination.messages import Request
from ambigrid.coordination.method import Agreement, Method, Run, bounds_of
from ambigrid.coordination.problem import Team

_ROUNDS = 10
"""How often the cost of the best exchange is asked for; each time the new agents know more."""


def recover(team: Team, run: Run, method: Method) -> None:
    """Make lost agents anew and change the run so that its method goes on from the best exchange.

    Raises
    ------
    LostAgentError, SolverError
        If another agent is lost meanwhile, or none can be made.
    """
    team.revive()
    if run.latest is None or not run.state:
        run.resumed = {}
        return
    if isfinite(run.latest.upper):
        run.latest = _keep_again(team, run.latest, run)
    run.resumed = method.reopened(run.state, run.latest)


def _keep_again(team: Team, agreement: Agreement, run: Run) -> Agreement:
    """Make every agent keep a decision that carries out the exchange agreed on."""
    iteration, upper = team.log.last_iteration, np.inf
    enough = agreement.upper + 0.25 * run.gap * abs(agreement.upper)
    for _ in range(_ROUNDS):
        answers = team.ask(_requests(team, agreement), iteration, run.budget)
        upper = sum(bounds_of(answer)[1] for answer in answers.values())
        if upper <= enough or run.budget.expired:
            break
    if isfinite(upper):
        team.keep(answers, iteration, run.budget)
    return replace(agreement, upper=upper)


def _requests(team: Team, agreement: Agreement) -> dict[str, Request]:
    return {
        name: Request(
            "follow",
            shared_values=agreement.values[part],
            multipliers=np.zeros(len(part)),
            bounds=(agreement.lower, agreement.upper),
        )
        for name, part in team.shared.parts.items()
    }
