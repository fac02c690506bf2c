"""An operator's private side of a coordination: its program, master and cuts never leave it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ambigrid.algorithms.applicability import check
from ambigrid.algorithms.benders import (
    Benders,
    add_violated_cuts,
    evaluate_blocks,
    model_risk,
)
from ambigrid.algorithms.block import Block, Evaluation
from ambigrid.algorithms.certificate import certify
from ambigrid.algorithms.cut_pool import CutPool
from ambigrid.algorithms.diagnosis import diagnose
from ambigrid.algorithms.inner_maximum import InnerMaximum
from ambigrid.algorithms.loop import ENDINGS, halfway
from ambigrid.algorithms.master import Master, MasterPoint, Proximal
from ambigrid.algorithms.recourse import Vertex
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.worst_case import worst_case
from ambigrid.coordination.agents import Agent, Coupling
from ambigrid.coordination.desk import Desk
from ambigrid.coordination.messages import Answer, Request
from ambigrid.coordination.terms import Penalty, Terms
from ambigrid.engines import Solution, SolveStatus
from ambigrid.errors import InputError, SolverError
from ambigrid.labels import Positions, Vector
from ambigrid.program import Columns
from ambigrid.status import Status

_PASSES = 3
"""Quadratic masters solved per question: answers need not be exact, bounds are."""

_USABLE = (SolveStatus.OPTIMAL, SolveStatus.UNBOUNDED)
"""How a master may end from whose point one can go on."""

_INNER_GAP = 2e-3
"""Relative excess of the searched risk over the master's at which a proposal is good enough."""

_WITHIN = 1e-7
"""Relative excess over a variable's bounds that is rounding."""

_UNKNOWN = (-np.inf, np.inf)
"""Bounds of somebody who knows nothing."""

_TRIALS = ("price", "follow", "cost")
"""Questions about the cost of a point that may have to be kept."""


@dataclass(frozen=True)
class KeptPoint:
    """A first-stage decision with the searches' findings there."""

    x: Vector
    static: Vector
    evaluation: Evaluation


@dataclass(frozen=True)
class Findings:
    """An operator's part of a result, labelled; it stays with the operator's own data."""

    cost: float
    dispatch: xr.Dataset
    duals: xr.Dataset
    worst_case: xr.Dataset
    recourse: xr.Dataset
    exactness: str


class UnsolvableError(SolverError):
    """An operator's own program has no optimal solution, whatever the others do."""

    def __init__(self, agent: str, status: Status) -> None:
        self.agent, self.status = agent, status
        super().__init__(f"The program of {agent} is {status}.")

    def __reduce__(self) -> tuple[type[UnsolvableError], tuple[str, Status]]:
        return UnsolvableError, (self.agent, self.status)


class LocalAgent:
    """One operator. It answers requests; all else about it stays at home.

    Parameters
    ----------
    agent : Agent
    couplings : sequence of Coupling
        Those the agent takes part in; its copies, in this order, are its shared variables.

    Raises
    ------
    InputError
        If cuts cannot treat a feature of the agent's program, or a copy has another size.
    """

    def __init__(self, agent: Agent, couplings: Sequence[Coupling]) -> None:
        self.name, self.constant = agent.name, agent.constant
        self.block = Block(agent.name, agent.program, agent.ambiguity)
        check(agent.program, self.block.ambiguity, Benders.name)
        self.master = Master([self.block])
        first = agent.program.first_stage
        self.columns = {coupling.name: _copy(agent, coupling) for coupling in couplings}
        self.shared: Positions = np.concatenate([np.zeros(0, np.intp), *self.columns.values()])
        self._rest = np.setdiff1d(np.arange(first.size), self.shared)
        self._lower, self._upper = first.lower[self.shared], first.upper[self.shared]
        self._terms = Terms(gap=np.inf, agents=1)
        self._penalty: Penalty | None = None
        self._proposed: MasterPoint | None = None
        self._centre: Vector | None = None
        self._trust, self._stiffness = 1.0, _stiffness(first)
        self._desk = Desk()
        self._trial: KeptPoint | None = None
        self._trials: dict[int, tuple[KeptPoint | None, Vector | None]] = {}
        self.kept: KeptPoint | None = None
        self.row_duals: Vector | None = None
        self._kept_duals: Vector | None = None
        self._jumps = bool(agent.program.adversarial.size) or self.block.risk.grows
        self._passes = _PASSES if self._jumps else 2 * _PASSES
        self._inner: InnerMaximum | None = None
        self._programs_proved = 0

    # What a coordinator may ask ------------------------------------------------------------

    def agree(self, terms: Terms) -> None:
        """Take note of the rules of a run."""
        self._terms, self._penalty = terms, terms.penalty

    def answer(self, request: Request, budget: Budget) -> Answer:
        """Answer a request, once however often it arrives; the only way in and out.

        Raises
        ------
        SolverError
            If a program that must have a solution has none.
        """
        questions: dict[str, Callable[[Request, Budget], Answer]] = {
            "range": self._range,
            "propose": self._propose,
            "bound": self._bound,
            "price": self._price,
            "follow": self._follow,
            "cost": self._cost,
            "keep": self._keep,
            "search": self._search,
            "certify": self._certify,
        }
        question = questions[request.question]
        return self._desk.once(request, lambda: self._noted(question(request, budget), request))

    def _noted(self, answer: Answer, request: Request) -> Answer:
        """Remember the points whose costs were told, as long as one may yet have to be kept."""
        if request.question in _TRIALS:
            self._trials[request.number] = (self._trial, self.row_duals)
            for number in list(self._trials)[: -self._terms.staleness - 1]:
                del self._trials[number]
        return answer

    def _range(self, request: Request, budget: Budget) -> Answer:
        """Least and largest shared values that the bounds of variables allow."""
        return Answer(shared_values=np.concatenate([self._lower, self._upper]))

    def _propose(self, request: Request, budget: Budget) -> Answer:
        """Minimise own cost + multipliers'z + ½ penalty ‖z - shared_values‖², nearly.

        Only the scenarios that carry the worst case are looked at. Residuals, of every
        iteration since the last proposal, change the penalty as agreed.
        """
        target, multipliers = _given(request.shared_values), _given(request.multipliers)
        assert self._penalty is not None
        for residuals in request.residuals or ():
            self._penalty = self._penalty.after(residuals)
        self.master.set_linear(0, self.shared, multipliers)
        passes, good = 0, False
        while not good and passes < _PASSES and not (passes and budget.expired):
            point = self._proximal_master(target, self._penalty.value, budget)
            good = self._learn(point, further=not passes)
            passes += 1
        self._adapt_trust(passes, good)
        self._proposed = point
        self._centre = point.x[0][self._rest]
        return Answer(shared_values=point.x[0][self.shared])

    def _bound(self, request: Request, budget: Budget) -> Answer:
        """Lower bound on min own cost + multipliers'z, from the master as it stands."""
        return Answer(bounds=(self._lagrangian(_given(request.multipliers), budget), np.inf))

    def _price(self, request: Request, budget: Budget) -> Answer:
        """Lower bound as `bound`, and the cost of the point last proposed."""
        assert self._proposed is not None
        point = self._proposed
        evaluation = evaluate_blocks(self.master, point, False)[0]
        add_violated_cuts(self.master, point, (evaluation,))
        self._trial = KeptPoint(point.x[0], point.static[0], evaluation)
        lower = self._lagrangian(_given(request.multipliers), budget)
        return Answer(bounds=(lower, evaluation.total + self.constant))

    def _follow(self, request: Request, budget: Budget) -> Answer:
        """Lower bound as `bound`, and the cost of carrying out the shared values."""
        multipliers = _given(request.multipliers)
        followed = self._cost(request, budget)
        assert followed.bounds is not None
        return Answer(bounds=(self._lagrangian(multipliers, budget), followed.bounds[1]))

    def _cost(self, request: Request, budget: Budget) -> Answer:
        """Optimal cost with the shared values fixed, its slope; or the nearest values possible.

        Its bounds lie apart where a few masters are not enough; what they taught remains.
        """
        values, bounds = _given(request.shared_values), request.bounds or _UNKNOWN
        fixed = np.clip(values, self._lower, self._upper)
        if np.abs(values - fixed).max(initial=0.0) > _WITHIN * (1.0 + np.abs(fixed).max(initial=0)):
            return self._outside(values, *self.master.distance(0, self.shared, values))
        self.master.set_linear(0, self.shared, np.zeros(len(fixed)))
        tolerance = self._terms.tolerance(bounds)
        answer = self._cost_within(fixed, 0.0, tolerance, budget)
        if answer is not None:
            return answer
        distance, slope = self.master.distance(0, self.shared, values)
        if distance > _WITHIN * (1.0 + float(np.abs(values).sum())):
            return self._outside(values, distance, slope)
        answer = self._cost_within(fixed, 2.0 * _WITHIN, tolerance, budget)
        return self._outside(values, distance, slope) if answer is None else answer

    def _cost_within(
        self, fixed: Vector, width: float, tolerance: float, budget: Budget
    ) -> Answer | None:
        """Optimal cost with the shared values fixed, or free by rounding; None if infeasible."""
        margin = width * (1.0 + np.abs(fixed))
        self.master.set_bounds(0, self.shared, fixed - margin, fixed + margin)
        try:
            return self._cost_of_fixed(tolerance, budget)
        finally:
            self.master.set_bounds(0, self.shared, self._lower, self._upper)

    def _cost_of_fixed(self, tolerance: float, budget: Budget) -> Answer | None:
        """Optimal cost at fixed shared values, as near as a few masters get; None if infeasible."""
        lowest = self.master.solve(time_limit=budget.remaining)
        upper, passes, best = np.inf, 0, None
        good = False
        while lowest.status in _USABLE and not good and passes < self._passes:
            if self._jumps:
                trial = self._steady(lowest, budget)
            else:
                trial = lowest if best is None else halfway(lowest, best)
            trial = self.master.within_bounds(trial)
            evaluation = self._evaluated(trial, lowest.bound)
            cut_at = trial if self._jumps else lowest
            separated = add_violated_cuts(self.master, cut_at, (evaluation,)) > 0
            self.master.retire(cut_at)
            if evaluation.total < upper:
                upper, best = evaluation.total, trial.x
                self._trial = KeptPoint(trial.x[0], trial.static[0], evaluation)
            best = best if separated else None
            lowest = self.master.solve(time_limit=budget.remaining)
            good = upper - lowest.bound <= tolerance or budget.expired
            passes += 1
        if lowest.status is SolveStatus.INFEASIBLE:
            return None
        self._adapt_trust(passes, good)
        if lowest.status is not SolveStatus.OPTIMAL:
            return Answer(bounds=(-np.inf, upper + self.constant))
        self.row_duals = self.master.first_row_duals(0, lowest)
        if upper < lowest.bound:
            upper = self._raise_trial(lowest.bound)
        return Answer(
            bounds=(lowest.bound + self.constant, upper + self.constant),
            subgradient=self.master.reduced_costs(0, self.shared, lowest),
        )

    def _raise_trial(self, known: float) -> float:
        """Correct the cost of the trial where cuts know of calls that the search has missed."""
        assert self._trial is not None
        evaluation = self._trial.evaluation
        raised = replace(evaluation, risk=known - evaluation.first_stage_cost)
        self._trial = replace(self._trial, evaluation=raised)
        return known

    def _evaluated(self, trial: MasterPoint, known: float) -> Evaluation:
        """Search the worst calls quickly; thoroughly where cuts know of worse ones."""
        evaluation = evaluate_blocks(self.master, trial, False)[0]
        if self._jumps and evaluation.total < known - _WITHIN * (1.0 + abs(known)):
            return evaluate_blocks(self.master, trial, True)[0]
        return evaluation

    def _steady(self, lowest: MasterPoint, budget: Budget) -> MasterPoint:
        """Point near the last private decisions, at fixed shared values."""
        if self._centre is None:
            first = self.block.program.first_stage
            origin = np.clip(np.zeros(first.size), first.lower, first.upper)
            start = lowest.x[0] if lowest.status is SolveStatus.OPTIMAL else origin
            self._centre = start[self._rest]
        penalty = self._stiffness if self._penalty is None else self._penalty.value
        point = self.master.solve([self._hold(self._centre, penalty)], budget.remaining)
        if point.status is not SolveStatus.OPTIMAL:
            self._check(lowest)
            return lowest
        self._centre = point.x[0][self._rest]
        return point

    def _hold(self, centre: Vector, penalty: float) -> Proximal:
        """Keep private columns near where they were."""
        return Proximal(0, self._rest, centre, self._trust * penalty * self._scale(centre))

    def _outside(self, values: Vector, distance: float, slope: Vector) -> Answer:
        """Nearest values of a half-space that holds all that can be carried out, but not these."""
        steepness = float(np.linalg.norm(slope))
        if not steepness:
            raise UnsolvableError(self.name, Status.INFEASIBLE)
        return Answer(shared_values=values - slope * distance / steepness**2, bounds=_UNKNOWN)

    def _keep(self, request: Request, budget: Budget) -> Answer:
        """Remember a point priced or costed earlier as this operator's part of the answer."""
        assert request.kept is not None
        self.kept, self._kept_duals = self._trials[request.kept]
        return Answer()

    def _search(self, request: Request, budget: Budget) -> Answer:
        """Cost of the kept point after a thorough search; learn the vertices that it finds."""
        assert self.kept is not None
        point = self._as_point(self.kept)
        evaluation = evaluate_blocks(self.master, point, True)[0]
        add_violated_cuts(self.master, point, (evaluation,))
        self.kept = KeptPoint(self.kept.x, self.kept.static, evaluation)
        return Answer(bounds=(evaluation.total + self.constant, np.inf))

    def _certify(self, request: Request, budget: Budget) -> Answer:
        """Cost of the kept point as searched and as proved; learn the vertices that it finds."""
        assert self.kept is not None
        assert request.bounds is not None
        if self._inner is None and self._jumps:
            self._inner = InnerMaximum(self.block.program)
        kept = self.kept
        certificate = certify(
            self.block, kept.x, kept.static, kept.evaluation, target=kept.evaluation.total,
            tolerance=self._terms.room(request.bounds), budget=budget, inner=self._inner,
        )  # fmt: skip
        self._programs_proved += certificate.solved
        for search, item in zip(self.block.searches, certificate.found, strict=True):
            search.memory = item.vertex.pattern
        values = np.array([item.value for item in certificate.found])
        risk = self.block.risk.risk(values, kept.static)
        cost = kept.evaluation.first_stage_cost
        self.kept = KeptPoint(kept.x, kept.static, Evaluation(certificate.found, risk, cost))
        if certificate.worse:
            found = Evaluation(certificate.worse, np.inf, cost)
            add_violated_cuts(self.master, self._as_point(self.kept), (found,))
        return Answer(bounds=(cost + risk + self.constant, certificate.upper + self.constant))

    # At home -------------------------------------------------------------------------------

    def integer_decision(self) -> str:
        """Name of the first integer of the first stage; empty where there is none."""
        first = self.block.program.first_stage
        integers = np.flatnonzero(first.integer)
        return first.labels.describe(int(integers[0])) if len(integers) else ""

    def programs(self) -> int:
        """Mixed-integer programs of proofs solved so far."""
        return self._programs_proved

    def findings(self) -> Findings | None:
        """Labelled arrays of the kept point, this operator's part of a result, if there is one."""
        if self.kept is None:
            return None
        program = self.block.program
        worst, recourse = worst_case(self.block, self.kept.x)
        duals = self.row_duals if self._kept_duals is None else self._kept_duals
        return Findings(
            cost=self.kept.evaluation.total + self.constant,
            dispatch=program.unpack(self.kept.x),
            duals=xr.Dataset() if duals is None else program.first_rows.labels.unpack(duals),
            worst_case=worst,
            recourse=recourse,
            exactness=self.block.risk.exactness,
        )

    def diagnosis(self) -> str:
        """Why the agent's own program has no solution, by name of row; empty where it has one."""
        program, points = self.block.program, self.block.risk.support
        signs = (1, -1) if program.adversarial.size and program.budget is None else (0,)
        scenarios = [
            (f"{k}" if len(signs) == 1 else f"{k}, calls {'up' if sign > 0 else 'down'}",
             Vertex(outcome, np.full(program.adversarial.size, sign, dtype=np.int8)))
            for k, outcome in enumerate(points) for sign in signs
        ]  # fmt: skip
        found = diagnose(program, scenarios)
        return "" if found is None else found.text

    # Private -------------------------------------------------------------------------------

    def _proximal_master(self, target: Vector, penalty: float, budget: Budget) -> MasterPoint:
        terms = [Proximal(0, self.shared, target, penalty)]
        if self._centre is not None:
            terms.append(self._hold(self._centre, penalty))
        point = self.master.solve(terms, budget.remaining)
        self._check(point)
        self.master.retire(point)
        return self.master.within_bounds(point)

    def _learn(self, point: MasterPoint, *, further: bool) -> bool:
        """Add the cuts that matter at a point; return whether the master knew them nearly."""
        evaluation, excess = self.block.glance(
            point.x[0], point.static[0], point.theta[0], further=further
        )
        add_violated_cuts(self.master, point, (evaluation,))
        model = evaluation.first_stage_cost + model_risk(self.master, point, 0)
        return excess <= _INNER_GAP * max(1.0, abs(model))

    def _lagrangian(self, multipliers: Vector, budget: Budget) -> float:
        self.master.set_linear(0, self.shared, multipliers)
        point = self.master.solve(time_limit=budget.remaining)
        if point.status is SolveStatus.INFEASIBLE:
            raise UnsolvableError(self.name, Status.INFEASIBLE)
        if point.status is not SolveStatus.OPTIMAL:
            return -np.inf
        self.row_duals = self.master.first_row_duals(0, point)
        return point.bound + self.constant

    def _check(self, point: MasterPoint) -> None:
        """Refuse a master without a solution, with the status that says why."""
        if point.status in (SolveStatus.INFEASIBLE, SolveStatus.UNBOUNDED):
            raise UnsolvableError(self.name, ENDINGS[point.status])
        if point.status is not SolveStatus.OPTIMAL:
            raise SolverError(
                f"The master of {self.name} ended with status {point.status.value}, "
                f"shape {self.master.shape}."
            )

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

    def _as_point(self, kept: KeptPoint) -> MasterPoint:
        theta = np.full(len(self.block.risk.support), -np.inf)
        none = np.zeros(0)
        unsolved = Solution(SolveStatus.OPTIMAL, np.nan, np.nan, none, none, none)
        return MasterPoint(
            SolveStatus.OPTIMAL, np.nan, np.nan, (kept.x,), (kept.static,), (theta,), unsolved
        )

    # Checkpoints ---------------------------------------------------------------------------

    def learn(self, pool: CutPool) -> None:
        """Take over what another master with this agent's block has learnt since last time."""
        new = slice(len(self.master.pools[0]), None)
        self.master.restore_pool(0, pool.gradient[new], pool.constant[new], pool.support[new])

    def state(self) -> dict[str, Any]:
        """Arrays from which `restore` continues without repeating work."""
        pool, support = self.master.pools[0], self.block.risk.support
        state = {
            "gradient": pool.gradient,
            "constant": pool.constant,
            "support": pool.support,
            "points": np.array(support).reshape(len(support), -1),
            "patterns": np.array([search.memory for search in self.block.searches], dtype=np.int8),
            "trust": np.float64(self._trust),
        }
        optional = {
            "centre": self._centre,
            "row_duals": self.row_duals,
            "kept_duals": self._kept_duals,
        }
        state |= {label: array for label, array in optional.items() if array is not None}
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
        self._centre, self.row_duals = state.get("centre"), state.get("row_duals")
        self._kept_duals = state.get("kept_duals")
        self._trial = self._restored(state, "trial")
        self.kept = self._restored(state, "kept")

    def _restored(self, state: dict[str, Any], label: str) -> KeptPoint | None:
        if f"{label}_x" not in state:
            return None
        x, static = state[f"{label}_x"], state[f"{label}_static"]
        return KeptPoint(x, static, self.block.evaluate(x, static, thorough=False))


def _copy(agent: Agent, coupling: Coupling) -> Positions:
    """Columns of an agent's copy of shared variables, one for each of them."""
    columns = agent.shared.get(coupling.name, np.zeros(0, dtype=np.intp))
    if len(columns) != coupling.size:
        raise InputError(
            f"agent {agent.name!r} must hold {coupling.size} columns",
            where=f"coupling {coupling.name}",
            got=len(columns),
        )
    return columns


def _given(array: Vector | None) -> Vector:
    assert array is not None
    return array


def _stiffness(first: Columns) -> float:
    """Typical cost of a decision over its range: a penalty in the unit of the problem."""
    with np.errstate(invalid="ignore"):
        width = first.upper - first.lower
    known = np.isfinite(width) & (width > 0.0) & (first.cost != 0.0)
    return float(np.median(np.abs(first.cost[known]) / width[known])) if known.any() else 1.0
