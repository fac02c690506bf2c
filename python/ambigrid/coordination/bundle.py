"""What a coordinator knows of everybody's costs: minorants over the shared values.

    θ_a ≥ constant + slope'z_a     a cost cut of agent a
    direction'z ≤ side             shared values that some agent cannot carry out

The level program is solved in z - best and in θ over the present gap, for costs of 1e5 $ beside
slopes of 10 $/MW cost an interior-point method its digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ambigrid.coordination.problem import SharedVariables
from ambigrid.engines import LinearProgram, Solution, SolveStatus, solve_linear, solve_quadratic
from ambigrid.labels import Vector

_SEPARATION = -1
"""In place of an agent's number: the row bounds shared values, not a cost."""


@dataclass(frozen=True)
class LevelPoint:
    """Next shared values and the prices they stand for, which sum to zero at every coupling."""

    values: Vector
    prices: dict[str, Vector]


class Bundle:
    """Cuts on the shared variables, one column θ per agent.

    Parameters
    ----------
    shared : SharedVariables
    box : (array, array)
        Bounds of the shared values.
    """

    def __init__(self, shared: SharedVariables, box: tuple[Vector, Vector]) -> None:
        self._shared, self._box = shared, box
        self._names = list(shared.parts)
        self.slopes, self.sides = np.zeros((0, shared.size)), np.zeros(0)
        self.agents = np.zeros(0, dtype=np.intp)

    def add_cost(self, name: str, slope: Vector, constant: float) -> None:
        """Add that the agent's cost is at least constant + slope'z."""
        if np.isfinite(constant):
            row = np.zeros(self._shared.size)
            row[self._shared.parts[name]] = slope
            self._append(row, -constant, self._names.index(name))

    def add_separation(self, name: str, values: Vector, nearest: Vector) -> None:
        """Add the half-space (z - nearest)'(z' - nearest) ≤ 0 of feasible z', which excludes z."""
        away = values - nearest
        away = away / max(float(np.linalg.norm(away)), 1e-12)
        row = np.zeros(self._shared.size)
        row[self._shared.parts[name]] = away
        self._append(row, float(away @ nearest), _SEPARATION)

    def lowest(self) -> Solution:
        """Minimise the sum of the minorants over the box: a lower bound on the total cost.

        Its row duals are what `prices` takes.
        """
        size, count = self._shared.size, len(self._names)
        cost = np.concatenate([np.zeros(size), np.ones(count)])
        return solve_linear(self._program(cost, np.zeros(size), np.zeros(count), 1.0))

    def level_point(self, best: Vector, level: float, width: float) -> LevelPoint | None:
        """Nearest values to `best` at which the minorants sum to `level` at most.

        Parameters
        ----------
        best : array (shared,)
        level : float
            $.
        width : float
            Present gap, $, in which costs are measured.

        Returns
        -------
        LevelPoint or None
            None where the program could not be solved.
        """
        size, count = self._shared.size, len(self._names)
        at_best = self._costs_at(best)
        program = self._program(np.zeros(size + count), best, at_best, width)
        total = np.concatenate([np.zeros(size), np.ones(count)]).reshape(1, -1)
        below = LinearProgram(
            program.cost, program.lower, program.upper,
            sp.csr_array(sp.vstack([program.matrix, total])),
            np.append(program.row_lower, -np.inf),
            np.append(program.row_upper, (level - at_best.sum()) / width),
        )  # fmt: skip
        weights = np.concatenate([np.ones(size), np.zeros(count)])
        found = solve_quadratic(below, sp.csr_array(sp.diags_array(weights)))
        if found.status is not SolveStatus.OPTIMAL:
            return None
        values = np.clip(best + found.primal[:size], *self._box)
        return LevelPoint(values, self.prices(found.row_duals[:-1]))

    def nearest(self, values: Vector) -> Vector | None:
        """Nearest values that no separation excludes; None where there are none."""
        separating = self.agents == _SEPARATION
        count = int(separating.sum())
        program = LinearProgram(
            np.zeros(self._shared.size), self._box[0], self._box[1],
            sp.csr_array(self.slopes[separating]), np.full(count, -np.inf), self.sides[separating],
        )  # fmt: skip
        found = solve_quadratic(program, sp.eye_array(self._shared.size, format="csr"), near=values)
        optimal = found.status is SolveStatus.OPTIMAL
        return np.clip(found.primal, *self._box) if optimal else None

    def prices(self, weights: Vector) -> dict[str, Vector]:
        """Prices at which every agent's cuts, weighed by duals, balance; made to sum to zero."""
        prices, total = {}, np.zeros(self._shared.size)
        for index, name in enumerate(self._names):
            mine = np.where(self.agents == index, np.abs(weights), 0.0)
            mean = mine @ self.slopes / max(float(mine.sum()), 1e-12)
            prices[name] = -mean[self._shared.parts[name]]
            total[self._shared.parts[name]] += prices[name]
        share = total / np.maximum(self._shared.copies, 1)
        return {name: price - share[self._shared.parts[name]] for name, price in prices.items()}

    def _costs_at(self, values: Vector) -> Vector:
        known = self.slopes @ values - self.sides
        return np.array([known[self.agents == k].max() for k in range(len(self._names))])

    def _program(self, cost: Vector, origin: Vector, at: Vector, width: float) -> LinearProgram:
        """Cuts in z - origin and (θ - at) / width."""
        cuts = self.agents >= 0
        count = len(self._names)
        scale = np.where(cuts, 1.0 / width, 1.0)
        on_theta = np.zeros((len(self.sides), count))
        on_theta[cuts, self.agents[cuts]] = -1.0
        sides = (self.sides - self.slopes @ origin - on_theta @ at) * scale
        free = np.full(count, np.inf)
        return LinearProgram(
            cost,
            np.concatenate([self._box[0] - origin, -free]),
            np.concatenate([self._box[1] - origin, free]),
            sp.csr_array(np.hstack([self.slopes * scale[:, None], on_theta])),
            np.full(len(sides), -np.inf),
            sides,
        )

    def _append(self, row: Vector, side: float, agent: int) -> None:
        self.slopes, self.sides = np.vstack([self.slopes, row]), np.append(self.sides, side)
        self.agents = np.append(self.agents, agent)

    def state(self) -> dict[str, np.ndarray]:
        """Arrays from which `restore` continues."""
        return {"slopes": self.slopes, "sides": self.sides, "agents": self.agents}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from `state`."""
        self.slopes, self.sides, self.agents = state["slopes"], state["sides"], state["agents"]
