"""Alternating direction method of multipliers in consensus form, with honest bounds.

    z_a ← argmin f_a(z_a) + μ_a'z_a + ½ρ‖z_a - z‖²      every agent a, in parallel
    z   ← mean of α z_a + (1-α) z + μ_a/ρ
    μ_a ← μ_a + ρ (α z_a + (1-α) z_old - z)             so that Σ_a μ_a = 0

Lower bound: Σ_a min f_a + μ_a'z_a from the agents' masters. Upper bound: the exchange the owners
proposed is feasible for them, and the others follow it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ambigrid.algorithms.log import IterationRecord, relative_gap
from ambigrid.coordination.messages import Request
from ambigrid.coordination.method import (
    Agreement,
    Run,
    bounds_of,
    norm,
    refuse_integers,
    values_of,
)
from ambigrid.coordination.problem import Team
from ambigrid.coordination.terms import Penalty, Terms
from ambigrid.errors import InputError
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
        """Coordinate the team until gap and residuals are within tolerance.

        Raises
        ------
        InputError
            If an agent has integers in its first stage: proposals are quadratic programs.
        SolverError
            If an agent's program has no solution.
        """
        refuse_integers(team, "ADMM")
        loop = _Loop(self, team, run)
        while not loop.finished:
            loop.step()
        return loop.agreement()

    def reopened(self, state: dict[str, Any], agreement: Agreement) -> dict[str, Any]:
        """Only what was agreed on is another; cuts and multipliers stay."""
        scalars = state["scalars"].copy()
        scalars[1:3] = agreement.lower, agreement.upper
        agreed = {"values": agreement.values, "prices": agreement.multipliers}
        return {**state, **agreed, "scalars": scalars}


class _Loop:
    """Consensus, multipliers and bounds between iterations."""

    def __init__(self, options: ADMM, team: Team, run: Run) -> None:
        self.options, self.team, self.context = options, team, run
        size = team.shared.size
        self.consensus = np.zeros(size)
        self.multipliers = {name: np.zeros(len(p)) for name, p in team.shared.parts.items()}
        self.penalty = Penalty(options.penalty, options.adaptive, options.factor, options.balance)
        self.lower, self.upper = -np.inf, np.inf
        self.values, self.prices = np.zeros(size), np.zeros(size)
        self.iteration, self.finished, self.status = 0, False, Status.ERROR
        self.residuals, self.before = (np.inf, np.inf), np.inf
        self.untold: tuple[float, float] | None = None
        self._restore(run.resumed)
        run.latest = self.agreement()
        team.agree(Terms(run.gap, len(team.names), self.penalty))
        if self.iteration:
            self._stop()

    def step(self) -> None:
        """One exchange."""
        self.iteration += 1
        proposals = self._propose()
        self.residuals = self._update(proposals)
        self._bounds(proposals)
        record = IterationRecord(
            self.iteration, self.lower, self.upper, *self.residuals, self.penalty.value,
            self.context.seconds,
        )  # fmt: skip
        self.untold = self.residuals
        self.penalty = self.penalty.after(self.residuals)
        self.context.latest = self.agreement()
        self.context.end_iteration(record, self._state())
        self._stop()

    @property
    def near(self) -> bool:
        """Whether the copies agree well enough for an upper bound to be worth its time."""
        tolerance = _NEAR * self.options.residual * self.team.shared.boundaries
        return self.before <= tolerance or self.iteration % _SELDOM == 0

    def _propose(self) -> dict[str, Vector]:
        self.before = self.residuals[0]
        requests = {
            name: Request(
                "propose",
                shared_values=self.consensus[part],
                multipliers=self.multipliers[name],
                residuals=self.untold,
            )
            for name, part in self.team.shared.parts.items()
        }
        answers = self.team.ask(requests, self.iteration, self.context.budget)
        return {name: values_of(answer) for name, answer in answers.items()}

    def _update(self, proposals: dict[str, Vector]) -> tuple[float, float]:
        shared, alpha, before = self.team.shared, self.options.relaxation, self.consensus
        rho = self.penalty.value
        relaxed = {
            name: alpha * values + (1 - alpha) * before[shared.parts[name]]
            for name, values in proposals.items()
        }
        shifted = {name: values + self.multipliers[name] / rho for name, values in relaxed.items()}
        self.consensus = shared.mean(shifted)
        for name, values in relaxed.items():
            difference = values - self.consensus[shared.parts[name]]
            self.multipliers[name] = self.multipliers[name] + rho * difference
        primal = norm([v - self.consensus[shared.parts[name]] for name, v in proposals.items()])
        moved = self.consensus - before
        dual = norm([moved[part] for part in shared.parts.values()])
        return primal, dual

    def _bounds(self, proposals: dict[str, Vector]) -> None:
        """Lagrangian lower bound; upper bound from the owners' exchange where others follow it."""
        exchange = self.team.shared.owned(proposals)
        requests = {name: self._bound_request(name, exchange) for name in proposals}
        answers = self.team.ask(requests, self.iteration, self.context.budget)
        bounds = [bounds_of(answer) for answer in answers.values()]
        self.lower = max(self.lower, sum(lower for lower, _ in bounds))
        upper = sum(upper for _, upper in bounds)
        if upper < self.upper:
            self.team.keep(self.iteration, self.context.budget)
            self.upper, self.values, self.prices = upper, exchange, self._owner_prices()
            self.context.latest = self.agreement()

    def _bound_request(self, name: str, exchange: Vector) -> Request:
        """Ask for a lower bound; near agreement, followers for the cost of the exchange, too."""
        multipliers, shared = self.multipliers[name], self.team.shared
        if not self.near:
            return Request("bound", multipliers=multipliers)
        if name not in shared.followers:
            return Request("price", multipliers=multipliers)
        return Request(
            "follow",
            shared_values=exchange[shared.parts[name]],
            multipliers=multipliers,
            bounds=(self.lower, self.upper),
        )

    def _owner_prices(self) -> Vector:
        return -self.team.shared.owned(self.multipliers)

    def _stop(self) -> None:
        tolerance = self.options.residual * self.team.shared.boundaries
        agreed = max(self.residuals) <= tolerance or not self.options.until_agreed
        if agreed and relative_gap(self.lower, self.upper) <= self.context.gap:
            self.status, self.finished = Status.CONVERGED, True
        elif self.context.budget.expired:
            self.status, self.finished = Status.TIME_LIMIT, True
        elif self.iteration >= self.options.iterations:
            self.status, self.finished = Status.ITERATION_LIMIT, True

    def agreement(self) -> Agreement:
        """Return what was agreed."""
        return Agreement(self.status, self.lower, self.upper, self.values, self.prices)

    def _state(self) -> dict[str, Any]:
        scalars = [self.penalty.value, self.lower, self.upper, self.iteration, *self.residuals]
        state: dict[str, Any] = {
            "consensus": self.consensus,
            "values": self.values,
            "prices": self.prices,
            "scalars": np.array(scalars),
        }
        state |= {f"multipliers:{name}": values for name, values in self.multipliers.items()}
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        for name in ("consensus", "values", "prices"):
            setattr(self, name, state[name])
        penalty, self.lower, self.upper, iteration, primal, dual = map(float, state["scalars"])
        self.penalty, self.iteration = replace(self.penalty, value=penalty), int(iteration)
        self.residuals = (primal, dual)
        self.multipliers = {name: state[f"multipliers:{name}"] for name in self.multipliers}
