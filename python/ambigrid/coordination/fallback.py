"""A decision where a run ends before any exchange has been agreed on: nothing is exchanged.

Every agent is asked for the cost of exchanging nothing, as many at once as work at once, each with
a second of its own: one master and one search are what most of them need to have a decision.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import numpy as np

from ambigrid.algorithms.stopping import Budget
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.method import Agreement, bounds_of
from ambigrid.coordination.problem import Team

_SECONDS = 1.0
"""Time for one agent beyond the limit of the run, s; a search that has begun is finished."""


def exchange_nothing(team: Team, agreement: Agreement) -> Agreement:
    """Make every agent keep a decision without any exchange, if all of them have one.

    Parameters
    ----------
    team : Team
        At rest.
    agreement : Agreement
        What the run ended with; its upper bound is infinite.

    Returns
    -------
    Agreement
        With the cost of exchanging nothing as its upper bound and no prices, or unchanged.

    Raises
    ------
    SolverError
        If an agent's solver fails.
    """
    answers: dict[str, Answer] = {}
    after = team.log.last_iteration + 1
    bounds = (agreement.lower, agreement.upper)
    names = list(team.names)
    for start in range(0, len(names), team.homes.workers):
        requests = {}
        for name in names[start : start + team.homes.workers]:
            nothing = np.zeros(len(team.shared.parts[name]))
            requests[name] = Request(
                "follow", shared_values=nothing, multipliers=nothing, bounds=bounds
            )
        answers |= team.ask(requests, after, Budget(_SECONDS))
    lower, upper = (sum(side) for side in zip(*map(bounds_of, answers.values()), strict=True))
    if not isfinite(upper):
        return agreement
    team.keep(answers, after, Budget(_SECONDS))
    values, unknown = np.zeros(team.shared.size), np.full(team.shared.size, np.nan)
    lower = max(agreement.lower, lower)
    return replace(agreement, lower=lower, upper=upper, values=values, multipliers=unknown)
