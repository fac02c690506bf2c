"""An operator's private side of a coordination: its program, master and cuts never leave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.algorithms.benders import (
    Benders,
    add_violated_cuts,
    evaluate_blocks,
    model_risk,
)
from ambigrid.algorithms.block import Block, Evaluation
from ambigrid.algorithms.certificate import certify
from ambigrid.algorithms.inner_maximum import InnerMaximum
from ambigrid.algorithms.master import Master, MasterPoint, Proximal
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.worst_case import worst_case
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.engines import Solution, SolveStatus
from ambigrid.errors import SolverError
from ambigrid.labels import Positions, Vector
from ambigrid.status import Status

_PASSES = 3
"""Masters solved per proposal: proposals need not be exact, bounds are."""

_COARSE = 0.05
"""Largest relative gap of a cost at given values."""

_INNER_GAP = 2e-3
"""Relative excess of the searched risk over the master's at which a proposal is good enough."""


@dataclass(frozen=True)
class Proposal:
    """Shared values an operator wants, and what they cost it at least as far as it searched."""

    values: Vector
    upper: float


@dataclass(frozen=True)
class Cost:
    """An operator's optimal cost at given shared values.

    Attributes
    ----------
    lower : float
        Minorant's value there; ``-inf`` where the values are infeasible.
    subgradient : array
        Of the minorant in the shared values.
    upper : float
        Cost of the best point found; ``inf`` where there is none.
    nearest : array or None
        Nearest feasible shared values where the given ones are infeasible.
    """

    lower: float
    subgradient: Vector
    upper: float
    nearest: Vector | None = None


@dataclass(frozen=True)
class KeptPoint:
    """A first-stage decision with the searches' findings there."""

    x: Vector
    static: Vector
    evaluation: Evaluation


@dataclass(frozen=True)
class Proof:
    """Cost of a kept point, $: as searched, as proved; whether that is near enough."""

    searched: float
    proved: float
    within: bool
    solved: int


@dataclass(frozen=True)
class Findings:
    """An operator's part of a result, labelled; it stays with the operator's own data."""

    cost: float
    dispatch: xr.Dataset
    duals: xr.Dataset
    worst_case: xr.Dataset
    recourse: xr.Dataset
    exactness: str


class LocalAgent:
    """One operator. Methods take and return shared values, multipliers and bounds only.

    Parameters
    ----------
    agent : Agent
    couplings : sequence of Coupling
        Those the agent takes part in; their columns, in this order, are its shared variables.
    """

    def __init__(self, agent: Agent, couplings: Sequence[Coupling]) -> None:
        self.name, self.constant = agent.name, agent.constant
        self.block = Block(agent.name, agent.program, agent.ambiguity)
        self.master = Master([self.block])
        first = agent.program.first_stage
        mine = [coupling.columns[agent.name] for coupling in couplings]
        self.shared: Positions = np.concatenate(mine) if mine else np.zeros(0, dtype=np.intp)
        self._rest = np.setdiff1d(np.arange(first.size), self.shared)
        self._lower, self._upper = first.lower[self.shared], first.upper[self.shared]
        self._centre: Vector | None = None
        self._trust, self._size = 1.0, 1.0
        self._trial: KeptPoint | None = None
        self.kept: KeptPoint | None = None
        self.row_duals: Vector | None = None
        self._inner: InnerMaximum | None = None

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """Bounds of the shared variables."""
        return self._lower, self._upper

    # What a coordinator may ask ------------------------------------------------------------

    def propose(
        self, multipliers: Vector, target: Vector, penalty: float, priced: bool, budget: Budget
    ) -> Proposal:
        """Minimise own cost + multipliers'z + ½ penalty ‖z - target‖², nearly.

        Parameters
        ----------
        multipliers : array (shared,)
            $ per unit of the shared variable.
        target : array (shared,)
            Values agreed on last.
        penalty : float
            $ per squared unit.
        priced : bool
            Whether the proposal's cost is asked for: without it, only the scenarios that carry
            the worst case are looked at.
        budget : Budget

        Raises
        ------
        SolverError
            If the master has no optimal solution.
        """
        self.master.set_linear(0, self.shared, multipliers)
        passes, good = 0, False
        while not good and passes < _PASSES and not (passes and budget.expired):
            point = self._proximal_master(target, penalty, budget)
            good = self._learn(point)
            passes += 1
        self._adapt_trust(passes, good)
        x = point.x[0]
        self._centre = x[self._rest]
        if not priced:
            return Proposal(x[self.shared], np.inf)
        evaluation = self._evaluate(point)
        self._trial = KeptPoint(x, point.static[0], evaluation)
        return Proposal(x[self.shared], evaluation.total + self.constant)

    def bound(self, multipliers: Vector, budget: Budget) -> float:
        """Lower bound on min own cost + multipliers'z, from the master as it stands."""
        self.master.set_linear(0, self.shared, multipliers)
        point = self.master.solve(time_limit=budget.remaining)
        if point.status is not SolveStatus.OPTIMAL:
            return -np.inf
        self.row_duals = self.master.first_row_duals(0, point)
        return point.bound + self.constant

    def cost_at(self, values: Vector, tolerance: float, budget: Budget) -> Cost:
        """Optimal cost with the shared variables fixed, to an absolute tolerance, $.

        While nothing is known of the size of the cost, `tolerance` may be infinite: then a few
        per cent will do.
        """
        gap = float(np.clip(tolerance / max(1.0, abs(self._size)), 1e-6, _COARSE))
        fixed = np.clip(values, self._lower, self._upper)
        self.master.set_linear(0, self.shared, np.zeros(len(fixed)))
        self.master.set_bounds(0, self.shared, fixed, fixed)
        try:
            incumbent = Benders(gap=gap).run(self.master, budget)
            if incumbent.status is Status.INFEASIBLE:
                return self._infeasible(values, budget)
            slopes = self.master.reduced_costs(0, self.shared, incumbent.point)
        finally:
            self.master.set_bounds(0, self.shared, self._lower, self._upper)
        if not incumbent.evaluations:
            return Cost(-np.inf, np.zeros(len(fixed)), np.inf)
        self._size = incumbent.upper
        self._trial = KeptPoint(incumbent.x[0], incumbent.static[0], incumbent.evaluations[0])
        return Cost(incumbent.point.bound + self.constant, slopes, incumbent.upper + self.constant)

    def keep(self) -> None:
        """Remember the point last proposed or costed as this operator's part of the answer."""
        self.kept = self._trial

    def certify(self, room: float, budget: Budget) -> Proof:
        """Prove an upper bound on the cost of the kept point; learn the vertices that it finds.

        Parameters
        ----------
        room : float
            How far the proved cost may lie above the searched one, $.
        budget : Budget
        """
        assert self.kept is not None
        if self._inner is None and self.block.program.adversarial.size + self.block.risk.grows:
            self._inner = InnerMaximum(self.block.program)
        kept = self.kept
        certificate = certify(
            self.block, kept.x, kept.static, kept.evaluation,
            target=kept.evaluation.total, tolerance=room, budget=budget, inner=self._inner,
        )  # fmt: skip
        values = np.array([item.value for item in certificate.found])
        risk = self.block.risk.risk(values, kept.static)
        cost = kept.evaluation.first_stage_cost
        self.kept = KeptPoint(kept.x, kept.static, Evaluation(certificate.found, risk, cost))
        if certificate.worse:
            found = Evaluation(certificate.worse, np.inf, cost)
            add_violated_cuts(self.master, self._as_point(self.kept), (found,))
        return Proof(
            cost + risk + self.constant,
            certificate.upper + self.constant,
            certificate.within,
            certificate.solved,
        )

    def findings(self) -> Findings:
        """Labelled arrays of the kept point: this operator's part of a result."""
        assert self.kept is not None
        program = self.block.program
        worst, recourse = worst_case(self.block, self.kept.x)
        duals = self.row_duals
        return Findings(
            cost=self.kept.evaluation.total + self.constant,
            dispatch=program.unpack(self.kept.x),
            duals=xr.Dataset() if duals is None else program.first_rows.labels.unpack(duals),
            worst_case=worst,
            recourse=recourse,
            exactness=self.block.risk.exactness,
        )

    # Private -------------------------------------------------------------------------------

    def _proximal_master(self, target: Vector, penalty: float, budget: Budget) -> MasterPoint:
        terms = [Proximal(0, self.shared, target, penalty)]
        if self._centre is not None:
            weights = self._trust * penalty * self._scale(self._centre)
            terms.append(Proximal(0, self._rest, self._centre, weights))
        point = self.master.solve(terms, budget.remaining)
        if point.status is not SolveStatus.OPTIMAL:
            raise SolverError(
                f"The master of {self.name} ended with status {point.status.value}, "
                f"shape {self.master.shape}."
            )
        self.master.retire(point)
        return self.master.within_bounds(point)

    def _learn(self, point: MasterPoint) -> bool:
        """Add the cuts that matter at a point; return whether the master knew them nearly."""
        evaluation, excess = self.block.glance(point.x[0], point.static[0], point.theta[0])
        add_violated_cuts(self.master, point, (evaluation,))
        model = evaluation.first_stage_cost + model_risk(self.master, point, 0)
        return excess <= _INNER_GAP * max(1.0, abs(model))

    def _evaluate(self, point: MasterPoint) -> Evaluation:
        evaluation = evaluate_blocks(self.master, point, False)[0]
        add_violated_cuts(self.master, point, (evaluation,))
        return evaluation

    def _adapt_trust(self, passes: int, good: bool) -> None:
        """Hold private columns less after one good pass, more after too many."""
        factor = 0.5 if good and passes == 1 else (1.0 if good else 2.0)
        self._trust = float(np.clip(self._trust * factor, 1e-2, 4.0))

    def _scale(self, centre: Vector) -> Vector:
        """Weight of private columns: less where they range wider than the shared ones."""
        first = self.block.program.first_stage
        width = first.upper - first.lower
        reach = np.where(np.isfinite(width), width, np.inf)
        shared = reach[self.shared]
        own = np.where(np.isfinite(reach[self._rest]), reach[self._rest], 2.0 * np.abs(centre))
        unit = float(np.median(shared[np.isfinite(shared)])) if np.isfinite(shared).any() else 1.0
        return np.asarray(np.minimum(1.0, (unit / np.maximum(own, 1e-9)) ** 2))

    def _infeasible(self, values: Vector, budget: Budget) -> Cost:
        self.master.set_bounds(0, self.shared, self._lower, self._upper)
        centre = [Proximal(0, self.shared, values, 1.0)]
        point = self.master.project(centre, np.inf, budget.remaining)
        nothing = np.zeros(len(values))
        if point.status is not SolveStatus.OPTIMAL:
            return Cost(-np.inf, nothing, np.inf)
        return Cost(-np.inf, nothing, np.inf, nearest=point.x[0][self.shared])

    def _as_point(self, kept: KeptPoint) -> MasterPoint:
        theta = np.full(len(self.block.risk.support), -np.inf)
        none = np.zeros(0)
        unsolved = Solution(SolveStatus.OPTIMAL, np.nan, np.nan, none, none, none)
        return MasterPoint(
            SolveStatus.OPTIMAL, np.nan, np.nan, (kept.x,), (kept.static,), (theta,), unsolved
        )

    # Checkpoints ---------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues without repeating work."""
        pool = self.master.pools[0]
        state = {
            "gradient": pool.gradient,
            "constant": pool.constant,
            "support": pool.support,
            "points": np.array(self.block.risk.support).reshape(len(self.block.risk.support), -1),
            "patterns": np.array([search.memory for search in self.block.searches], dtype=np.int8),
            "trust": np.float64(self._trust),
        }
        if self._centre is not None:
            state["centre"] = self._centre
        for label, kept in (("kept", self.kept), ("trial", self._trial)):
            if kept is not None:
                state[f"{label}_x"], state[f"{label}_static"] = kept.x, kept.static
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`."""
        for outcome in state["points"][len(self.block.risk.support) :]:
            self.master.add_support(0, self.block.risk.add(outcome))
        self.master.restore_pool(0, state["gradient"], state["constant"], state["support"])
        for search, memory in zip(self.block.searches, state["patterns"], strict=True):
            search.memory = memory
        self._trust = float(state["trust"])
        self._centre = state.get("centre")
        self._trial = self._restored(state, "trial")
        self.kept = self._restored(state, "kept")

    def _restored(self, state: dict[str, Any], label: str) -> KeptPoint | None:
        if f"{label}_x" not in state:
            return None
        x, static = state[f"{label}_x"], state[f"{label}_static"]
        return KeptPoint(x, static, self.block.evaluate(x, static, thorough=False))
