"""All agents in one master: min Σ (each agent's own worst case), shared variables equal.

The reference for gaps. Ambiguity sets and calls stay separate; one party would see all data.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ambigrid.algorithms.benders import Benders, Incumbent
from ambigrid.algorithms.log import IterationRecord
from ambigrid.algorithms.master import Master
from ambigrid.coordination.local import KeptPoint
from ambigrid.coordination.method import Agreement, Run
from ambigrid.coordination.problem import Team
from ambigrid.errors import InputError
from ambigrid.labels import Positions, Vector


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
        names = list(team.agents)
        blocks = [agent.block for agent in team.agents.values()]
        master = Master(blocks, _ties(team, names))
        constant = sum(agent.constant for agent in team.agents.values())
        for index, agent in enumerate(team.agents.values()):
            _give_cuts(master, index, agent.master, 0)

        def record(incumbent: Incumbent) -> None:
            run.record(
                IterationRecord(
                    incumbent.iterations,
                    incumbent.lower + constant,
                    incumbent.upper + constant,
                    seconds=run.seconds,
                )
            )

        benders = Benders(gap=run.gap, iterations=self.iterations)
        with ThreadPoolExecutor(team.workers) as executor:
            incumbent = benders.run(master, run.budget, record, map_blocks=executor.map)
        for index, agent in enumerate(team.agents.values()):
            if not len(agent.master.pools[0]):
                _give_cuts(agent.master, 0, master, index)
        return self._agreement(team, master, incumbent, constant)

    def reopened(self, state: dict[str, Any]) -> dict[str, Any]:
        """Nothing to forget: the loop starts anew from the agents' cuts."""
        return {}

    def _agreement(
        self, team: Team, master: Master, incumbent: Incumbent, constant: float
    ) -> Agreement:
        values: dict[str, Vector] = {}
        multipliers = np.zeros(team.shared.size)
        for index, (name, agent) in enumerate(team.agents.items()):
            if incumbent.evaluations:
                x, static = incumbent.x[index], incumbent.static[index]
                agent.kept = KeptPoint(x, static, incumbent.evaluations[index])
                values[name] = x[agent.shared]
            if len(incumbent.point.solution.row_duals):
                agent.row_duals = master.first_row_duals(index, incumbent.point)
                multipliers = multipliers + _prices(team, master, incumbent, index, name)
        exchange = team.shared.owned(values) if values else np.zeros(team.shared.size)
        return Agreement(
            incumbent.status, incumbent.lower + constant, incumbent.upper + constant,
            exchange, multipliers, incumbent.iterations,
        )  # fmt: skip


def _ties(team: Team, names: list[str]) -> list[tuple[int, Positions, int, Positions]]:
    """Every agent's copy equals the owner's."""
    ties = []
    for coupling in team.shared.couplings:
        owner = team.shared.owners[coupling.name]
        for name, columns in coupling.columns.items():
            if name != owner:
                ties.append(
                    (names.index(owner), coupling.columns[owner], names.index(name), columns)
                )
    return ties


def _give_cuts(to: Master, index: int, source: Master, source_index: int) -> None:
    pool = source.pools[source_index]
    to.restore_pool(index, pool.gradient, pool.constant, pool.support)


def _prices(team: Team, master: Master, incumbent: Incumbent, index: int, name: str) -> Vector:
    """Marginal cost of the shared variables to their owner: minus its tie rows' pull."""
    agent, shared = team.agents[name], team.shared
    pull = master.tie_duals(index, agent.shared, incumbent.point)
    prices = np.zeros(shared.size)
    prices[shared.parts[name]] = pull
    for coupling in shared.couplings:
        if shared.owners[coupling.name] != name:
            prices[shared.slices[coupling.name]] = 0.0
    return prices
