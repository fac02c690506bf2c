"""All agents in one master: min Σ (each agent's own worst case), shared variables equal.

The reference for gaps. Ambiguity sets and calls stay separate; one party would see all data.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ambigrid.algorithms.benders import Benders, Incumbent
from ambigrid.algorithms.log import IterationRecord, relative_gap
from ambigrid.algorithms.master import Master
from ambigrid.coordination.local import KeptPoint
from ambigrid.coordination.method import Agreement, Run
from ambigrid.coordination.problem import Team
from ambigrid.errors import InputError
from ambigrid.labels import Positions, Vector
from ambigrid.status import Status


@dataclass(frozen=True)
class Centralized:
    """Options of the centralised solution: a multi-agent Benders loop.

    Parameters
    ----------
    iterations : int
        Largest number of iterations.
    """

    iterations: int = 2000

    name: ClassVar[str] = "centralized"

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise InputError("there must be an iteration", where="Centralized",
                             got=self.iterations, fix="give at least 1")  # fmt: skip

    def run(self, team: Team, run: Run) -> Agreement:
        """Solve all agents together."""
        loop = _Loop(team, run)
        if relative_gap(loop.lower, loop.upper) <= run.gap:
            return loop.agreement(Status.CONVERGED)
        benders = Benders(gap=run.gap, iterations=self.iterations)
        with ThreadPoolExecutor(team.homes.workers) as executor:
            incumbent = benders.run(loop.master, run.budget, loop.record, map_blocks=executor.map)
        return loop.agreement(incumbent.status)

    def reopened(self, state: dict[str, Any], agreement: Agreement) -> dict[str, Any]:
        """Only the upper bound is another; the loop starts anew from the agents' cuts."""
        return {**state, "scalars": np.array([agreement.lower, agreement.upper])}


class _Loop:
    """Bounds over all runs of the loop, and the best incumbent."""

    def __init__(self, team: Team, run: Run) -> None:
        self.team, self.context = team, run
        self.names = list(team.agents)
        blocks = [agent.block for agent in team.agents.values()]
        self.master = Master(blocks, _ties(team, self.names))
        self.constant = sum(agent.constant for agent in team.agents.values())
        for index, agent in enumerate(team.agents.values()):
            pool = agent.master.pools[0]
            self.master.restore_pool(index, pool.gradient, pool.constant, pool.support)
        self.start = run.iterations
        size = team.shared.size
        self.lower, self.upper = -np.inf, np.inf
        self.values, self.prices = np.zeros(size), np.zeros(size)
        if run.resumed:
            self.lower, self.upper = map(float, run.resumed["scalars"])
            self.values, self.prices = run.resumed["values"], run.resumed["prices"]
        self.known = self.upper
        run.latest = self.agreement(Status.ERROR)

    def record(self, incumbent: Incumbent) -> None:
        """Log an iteration of the loop; every agent gets its part of what was found."""
        self.lower = max(self.lower, incumbent.lower + self.constant)
        for index, agent in enumerate(self.team.agents.values()):
            agent.learn(self.master.pools[index])
        upper = incumbent.upper + self.constant
        if incumbent.evaluations and upper < self.known:
            self.upper = upper
            self._keep(incumbent)
        self.context.latest = self.agreement(Status.ERROR)
        if incumbent.status in (Status.INFEASIBLE, Status.UNBOUNDED):
            return
        record = IterationRecord(
            self.start + incumbent.iterations, self.lower, self.upper, seconds=self.context.seconds
        )
        state = {"scalars": np.array([self.lower, self.upper])}
        state |= {"values": self.values, "prices": self.prices}
        self.context.end_iteration(record, state)

    def agreement(self, status: Status) -> Agreement:
        """Return what was found."""
        return Agreement(status, self.lower, self.upper, self.values, self.prices)

    def _keep(self, incumbent: Incumbent) -> None:
        values: dict[str, Vector] = {}
        prices = np.zeros(self.team.shared.size)
        for index, (name, agent) in enumerate(self.team.agents.items()):
            x, static = incumbent.x[index], incumbent.static[index]
            agent.kept = KeptPoint(x, static, incumbent.evaluations[index])
            values[name] = x[agent.shared]
            if len(incumbent.point.solution.row_duals):
                agent.row_duals = self.master.first_row_duals(index, incumbent.point)
                prices = prices + self._prices(incumbent, index, name)
        self.values, self.prices = self.team.shared.owned(values), prices

    def _prices(self, incumbent: Incumbent, index: int, name: str) -> Vector:
        """Marginal cost of the shared variables to their owner: minus its tie rows' pull."""
        shared = self.team.shared
        pull = self.master.tie_duals(index, self.team.agents[name].shared, incumbent.point)
        prices = np.zeros(shared.size)
        prices[shared.parts[name]] = pull
        for coupling in shared.couplings:
            if shared.owners[coupling.name] != name:
                prices[shared.slices[coupling.name]] = 0.0
        return prices


def _ties(team: Team, names: list[str]) -> list[tuple[int, Positions, int, Positions]]:
    """Every agent's copy equals the owner's."""
    ties = []
    for coupling in team.shared.couplings:
        owner = team.shared.owners[coupling.name]
        own = team.agents[owner].columns[coupling.name]
        for name in coupling.members[:-1]:
            columns = team.agents[name].columns[coupling.name]
            ties.append((names.index(owner), own, names.index(name), columns))
    return ties
