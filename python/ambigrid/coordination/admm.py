"""Alternating direction method of multipliers in consensus form, with honest bounds.

    z_a ← argmin f_a(z_a) + μ_a'z_a + ½ρ‖z_a - z‖²      every agent a, in parallel
    z   ← mean of α z_a + (1-α) z + μ_a/ρ
    μ_a ← μ_a + ρ (α z_a + (1-α) z_old - z)             so that Σ_a μ_a = 0

Lower bound: Σ_a min f_a + μ_a'z_a from the agents' masters. Upper bound: the exchange the owners
proposed is feasible for them, and the others follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ambigrid.algorithms.log import IterationRecord, relative_gap
from ambigrid.coordination.local import Cost, LocalAgent, Proposal
from ambigrid.coordination.method import Agreement, Run, norm
from ambigrid.coordination.problem import Team
from ambigrid.errors import InputError, SolverError
from ambigrid.labels import Vector
from ambigrid.status import Status

_NEAR = 10.0
"""Primal residual, in tolerances, below which an upper bound is sought in every iteration."""

_SELDOM = 10
"""Otherwise it is sought every so many iterations."""


@dataclass(frozen=True)
class ADMM:
    """Options of ADMM.

    Parameters
    ----------
    penalty : float
        ρ, $ per squared unit of the shared variables (first value if `adaptive`).
    adaptive : bool
        Raise or lower ρ by `factor` when one residual exceeds `balance` times the other
        (He, Yang, Wang 2000; the source's rule).
    relaxation : float
        α in (0, 2); above 1 over-relaxes.
    residual : float
        Primal and dual residual per boundary, in the unit of the shared variables, that count as
        agreement.
    until_agreed : bool
        Whether to go on until the residuals agree, as the source does, when the gap is closed.
    iterations : int
        Largest number of iterations.
    """

    penalty: float = 15.0
    adaptive: bool = False
    relaxation: float = 1.6
    residual: float = 0.1
    until_agreed: bool = False
    iterations: int = 300
    factor: float = 2.0
    balance: float = 10.0

    name: ClassVar[str] = "admm"

    def __post_init__(self) -> None:
        for value, what, legal in (
            (self.penalty, "penalty", self.penalty > 0),
            (self.relaxation, "relaxation", 0 < self.relaxation < 2),
            (self.residual, "residual", self.residual > 0),
            (self.iterations, "iterations", self.iterations >= 1),
            (self.factor, "factor", self.factor > 1),
            (self.balance, "balance", self.balance > 1),
        ):
            if not legal:
                raise InputError("value out of range", where=f"ADMM {what}", got=value,
                                 fix="see the documentation of ADMM")  # fmt: skip

    def run(self, team: Team, run: Run) -> Agreement:
        """Coordinate the team until gap and residuals are within tolerance."""
        loop = _Loop(self, team, run)
        while not loop.finished:
            try:
                loop.step()
            except SolverError:
                if not run.budget.expired:
                    raise
                loop.status, loop.finished = Status.TIME_LIMIT, True
        return loop.agreement()

    def reopened(self, state: dict[str, Any]) -> dict[str, Any]:
        """Forget the upper bound; bounds below, cuts and multipliers stay."""
        scalars = state["scalars"].copy()
        scalars[2] = np.inf
        return {**state, "scalars": scalars}


class _Loop:
    """Consensus, multipliers and bounds between iterations."""

    def __init__(self, options: ADMM, team: Team, run: Run) -> None:
        self.options, self.team, self.context = options, team, run
        size = team.shared.size
        self.consensus = np.zeros(size)
        self.multipliers = {name: np.zeros(len(p)) for name, p in team.shared.parts.items()}
        self.penalty = options.penalty
        self.lower, self.upper = -np.inf, np.inf
        self.values = np.zeros(size)
        self.iteration, self.finished, self.status = 0, False, Status.ERROR
        self.primal = np.inf
        self._restore(run.resumed)

    def step(self) -> None:
        """One exchange."""
        self.iteration += 1
        proposals = self._propose()
        primal, dual = self._update(proposals)
        self._bounds(proposals)
        self.context.record(
            IterationRecord(
                self.iteration,
                self.lower,
                self.upper,
                primal,
                dual,
                self.penalty,
                self.context.seconds,
            )
        )
        self._adapt(primal, dual)
        self.context.keep_state(self._state())
        self.primal = primal
        self._stop(primal, dual)

    @property
    def near(self) -> bool:
        """Whether the copies agree well enough for an upper bound to be worth its time."""
        tolerance = _NEAR * self.options.residual * self.team.shared.boundaries
        return self.primal <= tolerance or self.iteration % _SELDOM == 0

    def _propose(self) -> dict[str, Proposal]:
        team, shared = self.team, self.team.shared
        budget, penalty, near = self.context.budget, self.penalty, self.near
        owners = set(shared.owners.values())

        def question(agent: LocalAgent) -> Proposal:
            target = self.consensus[shared.parts[agent.name]]
            return agent.propose(
                self.multipliers[agent.name], target, penalty, near and agent.name in owners, budget
            )

        for name, part in shared.parts.items():
            team.sent(
                name, self.iteration, multipliers=self.multipliers[name],
                shared_values=self.consensus[part], penalty=penalty,
            )  # fmt: skip
        proposals: dict[str, Proposal] = team.ask_all(question)
        for name, proposal in proposals.items():
            team.received(
                name, self.iteration, shared_values=proposal.values, bounds=proposal.upper
            )
        return proposals

    def _update(self, proposals: dict[str, Proposal]) -> tuple[float, float]:
        shared, alpha, before = self.team.shared, self.options.relaxation, self.consensus
        relaxed = {
            name: alpha * proposal.values + (1 - alpha) * before[shared.parts[name]]
            for name, proposal in proposals.items()
        }
        shifted = {
            name: values + self.multipliers[name] / self.penalty for name, values in relaxed.items()
        }
        self.consensus = shared.mean(shifted)
        for name, values in relaxed.items():
            difference = values - self.consensus[shared.parts[name]]
            self.multipliers[name] = self.multipliers[name] + self.penalty * difference
        primal = norm(
            [p.values - self.consensus[shared.parts[name]] for name, p in proposals.items()]
        )
        moved = self.consensus - before
        dual = norm([moved[part] for part in shared.parts.values()])
        return primal, dual

    def _bounds(self, proposals: dict[str, Proposal]) -> None:
        """Lagrangian lower bound; upper bound from the owners' exchange where others follow it."""
        team, shared, run = self.team, self.team.shared, self.context
        exchange = shared.owned({name: p.values for name, p in proposals.items()})
        followers = shared.followers if self.near else ()
        tolerance = run.tolerance(self.lower, self.upper, len(team.agents))

        def question(agent: LocalAgent) -> tuple[float, Cost | None]:
            lower = agent.bound(self.multipliers[agent.name], run.budget)
            if agent.name not in followers:
                return lower, None
            values = exchange[shared.parts[agent.name]]
            return lower, agent.cost_at(values, tolerance, run.budget)

        for name in followers:
            team.sent(name, self.iteration, shared_values=exchange[shared.parts[name]])
        answers = team.ask_all(question)
        upper = sum(
            proposals[name].upper if cost is None else cost.upper
            for name, (_, cost) in answers.items()
        )
        for name, (lower, cost) in answers.items():
            found = proposals[name].upper if cost is None else cost.upper
            team.received(name, self.iteration, bounds=(lower, found))
        self.lower = max(self.lower, sum(lower for lower, _ in answers.values()))
        if upper < self.upper:
            self.upper, self.values = upper, exchange
            team.ask_all(LocalAgent.keep)

    def _adapt(self, primal: float, dual: float) -> None:
        if not self.options.adaptive:
            return
        if primal > self.options.balance * dual:
            self.penalty *= self.options.factor
        elif dual > self.options.balance * primal:
            self.penalty /= self.options.factor

    def _stop(self, primal: float, dual: float) -> None:
        tolerance = self.options.residual * self.team.shared.boundaries
        agreed = max(primal, dual) <= tolerance or not self.options.until_agreed
        if agreed and relative_gap(self.lower, self.upper) <= self.context.gap:
            self.status, self.finished = Status.CONVERGED, True
        elif self.context.budget.expired:
            self.status, self.finished = Status.TIME_LIMIT, True
        elif self.iteration >= self.options.iterations:
            self.status, self.finished = Status.ITERATION_LIMIT, True

    def agreement(self) -> Agreement:
        """Return what was agreed."""
        prices = np.zeros(self.team.shared.size)
        for coupling in self.team.shared.couplings:
            part = self.team.shared.slices[coupling.name]
            owner = self.team.shared.owners[coupling.name]
            whole: Vector = np.zeros(self.team.shared.size)
            whole[self.team.shared.parts[owner]] = self.multipliers[owner]
            prices[part] = -whole[part]
        return Agreement(self.status, self.lower, self.upper, self.values, prices, self.iteration)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "consensus": self.consensus,
            "values": self.values,
            "scalars": np.array([self.penalty, self.lower, self.upper, self.iteration]),
        }
        state |= {f"multipliers:{name}": values for name, values in self.multipliers.items()}
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        self.consensus, self.values = state["consensus"], state["values"]
        self.penalty, self.lower, self.upper = (float(v) for v in state["scalars"][:3])
        self.iteration = int(state["scalars"][3])
        self.multipliers = {name: state[f"multipliers:{name}"] for name in self.multipliers}
