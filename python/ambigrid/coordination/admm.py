"""Alternating direction method of multipliers in consensus form, with honest bounds.

    z_a ← argmin f_a(z_a) + μ_a'z_a + ½ρ‖z_a - z‖²      every agent a, in parallel
    z   ← mean of α z_a + (1-α) z + μ_a/ρ
    μ_a ← μ_a + ρ (α z_a + (1-α) z_old - z)             so that Σ_a μ_a = 0

Lower bound: Σ_a min f_a + μ_a'z_a from the agents' masters. Upper bound: the exchange the owners
proposed is feasible for them, and the others follow it.

With late agents, as in Zhang and Kwok (ICML 2014): the mean goes over everybody's last answer
α z_a + (1-α) z + μ_a/ρ, and only who has answered gets new multipliers.
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
    norm,
    refuse_integers,
    values_of,
)
from ambigrid.coordination.post import Reply
from ambigrid.coordination.problem import Team
from ambigrid.coordination.rounds import Round
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
    staleness : int
        Iterations by which an operator's answers may be late before it is waited for; 0 waits
        for everybody in every iteration.
    """

    penalty: float = 15.0
    adaptive: bool = False
    relaxation: float = 1.6
    residual: float = 0.1
    until_agreed: bool = False
    iterations: int = 300
    staleness: int = 0
    factor: float = 2.0
    balance: float = 10.0

    name: ClassVar[str] = "admm"

    def __post_init__(self) -> None:
        for value, what, legal in (
            (self.penalty, "penalty", self.penalty > 0),
            (self.relaxation, "relaxation", 0 < self.relaxation < 2),
            (self.residual, "residual", self.residual > 0),
            (self.iterations, "iterations", self.iterations >= 1),
            (self.staleness, "staleness", self.staleness >= 0),
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
        self.proposals, self.shifted = dict(self.multipliers), dict(self.multipliers)
        self.targets = dict(self.multipliers)
        self.arrived: list[Reply] = []
        self.round: Round | None = None
        self.penalty = Penalty(options.penalty, options.adaptive, options.factor, options.balance)
        self.lower, self.upper = -np.inf, np.inf
        self.values, self.prices = np.zeros(size), np.zeros(size)
        self.iteration, self.finished, self.status = 0, False, Status.ERROR
        self.residuals, self.before = (np.inf, np.inf), np.inf
        self.untold: dict[str, list[tuple[float, float]]] = {name: [] for name in team.names}
        self._restore(run.resumed)
        self.sought = self.iteration
        run.latest = self.agreement()
        team.agree(Terms(run.gap, len(team.names), self.penalty, options.staleness))
        if self.iteration:
            self._stop()

    def step(self) -> None:
        """One exchange."""
        self.iteration += 1
        self._propose()
        moved = self._update()
        self._bounds()
        moved = self._update() or moved
        record = IterationRecord(
            self.iteration, self.lower, self.upper, *self.residuals, self.penalty.value,
            self.context.seconds,
        )  # fmt: skip
        if moved:
            self._adapt()
        self.context.latest = self.agreement()
        self.context.end_iteration(record, self._state())
        self._stop()

    @property
    def near(self) -> bool:
        """Whether the copies agree well enough for an upper bound to be worth its time."""
        tolerance = _NEAR * self.options.residual * self.team.shared.boundaries
        due = self.iteration // _SELDOM > self.sought // _SELDOM
        return self.before <= tolerance or due

    def _propose(self) -> None:
        """Ask everybody at rest for a proposal, with the residuals not yet told."""
        self.before = self.residuals[0]
        requests = {}
        for name in self.team.idle:
            requests[name] = Request(
                "propose",
                shared_values=self.consensus[self.team.shared.parts[name]],
                multipliers=self.multipliers[name],
                residuals=tuple(self.untold[name]) or None,
            )
            self.untold[name] = []
        self._exchange(requests)

    def _exchange(self, requests: dict[str, Request]) -> None:
        """Put requests and sort what is there: proposals, and answers to the open round."""
        self._sort(
            self.team.exchange(
                requests, self.iteration, self.context.budget, self.options.staleness
            )
        )

    def _sort(self, replies: list[Reply]) -> None:
        for reply in replies:
            if reply.request.question == "propose":
                self.arrived.append(reply)
            elif self.round is not None:
                self.round.take(reply)

    def _update(self) -> bool:
        """Mean of everybody's last answer, multipliers of who has answered; whether anybody has."""
        if not self.arrived:
            return False
        shared, alpha, rho = self.team.shared, self.options.relaxation, self.penalty.value
        relaxed = {}
        for reply in self.arrived:
            name, values, target = reply.name, values_of(reply.answer), values_of(reply.request)
            relaxed[name] = alpha * values + (1 - alpha) * target
            self.shifted[name] = relaxed[name] + self.multipliers[name] / rho
            self.proposals[name], self.targets[name] = values, target
        self.consensus = shared.mean(self.shifted)
        for name, values in relaxed.items():
            difference = values - self.consensus[shared.parts[name]]
            self.multipliers[name] = self.multipliers[name] + rho * difference
        self.residuals = self._distance(self.proposals), self._distance(self.targets)
        self.arrived = []
        return True

    def _distance(self, values: dict[str, Vector]) -> float:
        """Distance of the mean from all proposals, or from what they were asked to be near."""
        parts = self.team.shared.parts
        return norm([v - self.consensus[parts[name]] for name, v in values.items()])

    def _adapt(self) -> None:
        """Change the penalty, and note for every agent what it must be told to do the same."""
        self.penalty = self.penalty.after(self.residuals)
        for missed in self.untold.values():
            missed.append(self.residuals)

    def _bounds(self) -> None:
        """Lagrangian lower bound; upper bound from the owners' exchange where others follow it.

        A round that late agents leave open is not overtaken by the next.
        """
        if self.round is None:
            self._open_round()
        assert self.round is not None
        if self.round.whole:
            whole, self.round = self.round, None
            self._close(whole)

    def _open_round(self) -> None:
        exchange, prices = self.team.shared.owned(self.proposals), self._balanced()
        requests = {
            name: self._bound_request(name, exchange, prices[name]) for name in self.team.names
        }
        owners = -self.team.shared.owned(prices)
        self.round = Round(self.iteration, len(self.team.names), exchange, owners)
        self.sought = self.iteration
        self._exchange(requests)

    def _close(self, whole: Round) -> None:
        lower, upper = whole.bounds
        self.lower = max(self.lower, lower)
        if upper < self.upper:
            self.upper, self.values, self.prices = upper, whole.values, whole.prices
            self.context.latest = self.agreement()
            self.team.keep(whole.answers, self.iteration, self.context.budget)
            self._sort(self.team.arrived())

    def _bound_request(self, name: str, exchange: Vector, multipliers: Vector) -> Request:
        """Ask for a lower bound; near agreement, followers for the cost of the exchange, too.

        So is an owner that is still at work on its next proposal when its last one is exchanged.
        """
        shared = self.team.shared
        if not self.near:
            return Request("bound", multipliers=multipliers)
        if name not in shared.followers and name in self.team.idle:
            return Request("price", multipliers=multipliers)
        return Request(
            "follow",
            shared_values=exchange[shared.parts[name]],
            multipliers=multipliers,
            bounds=(self.lower, self.upper),
        )

    def _balanced(self) -> dict[str, Vector]:
        """Multipliers that sum to zero, as a bound needs them."""
        if not self.options.staleness:  # then they do, for all of them are new
            return self.multipliers
        shared, mean = self.team.shared, self.team.shared.mean(self.multipliers)
        return {name: mu - mean[shared.parts[name]] for name, mu in self.multipliers.items()}

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
        for label, values in self._by_agent.items():
            state |= {f"{label}:{name}": array for name, array in values.items()}
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        if not state:
            return
        for name in ("consensus", "values", "prices"):
            setattr(self, name, state[name])
        penalty, self.lower, self.upper, iteration, primal, dual = map(float, state["scalars"])
        self.penalty, self.iteration = replace(self.penalty, value=penalty), int(iteration)
        self.residuals = (primal, dual)
        for label, values in self._by_agent.items():
            values |= {name: state[f"{label}:{name}"] for name in values}

    @property
    def _by_agent(self) -> dict[str, dict[str, Vector]]:
        return {
            "multipliers": self.multipliers,
            "proposals": self.proposals,
            "targets": self.targets,
            "shifted": self.shifted,
        }
