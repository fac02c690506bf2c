"""One call for one program: from a linopy model and an ambiguity set to a robust solution."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ambigrid.algorithms import Benders, ColumnConstraint, Extensive
from ambigrid.algorithms.applicability import check
from ambigrid.algorithms.block import Block, Evaluation
from ambigrid.algorithms.certificate import Certificate
from ambigrid.algorithms.certificate import certify as certify_point
from ambigrid.algorithms.log import relative_gap
from ambigrid.algorithms.loop import Incumbent, without_values
from ambigrid.algorithms.master import Master
from ambigrid.algorithms.stopping import Budget
from ambigrid.algorithms.worst_case import worst_case
from ambigrid.ambiguity import AmbiguitySet
from ambigrid.engines import SolveStatus
from ambigrid.errors import InputError
from ambigrid.program import TwoStageProgram
from ambigrid.reformulations.base import Exactness
from ambigrid.status import Status

if TYPE_CHECKING:
    import linopy

Method = Benders | ColumnConstraint | Extensive

_TOLERANCE = 1e-6
"""Relative gap up to which a solution counts as optimal, or the method's own if that is larger."""


@dataclass(frozen=True)
class RobustSolution:
    """A solution with its worst case, everything under the model's own labels.

    Attributes
    ----------
    status : Status
        ``optimal`` only where `certified` and the gap is within tolerance.
    objective, bound : float
        Cost of `first_stage` in its worst case, and a lower bound on the optimal cost, in the
        unit of the objective; infinite where there is none.
    certified : bool
        Whether `objective` is proved to be the worst case; otherwise it is what was found.
    exactness : "exact", "upper" or "lower"
        How the reformulated worst case compares to the ambiguity set's own.
    first_stage, duals : xarray.Dataset
        First-stage variables, and duals of the first-stage rows (of the last master; with
        integers fixed where there are any).
    worst_case : xarray.Dataset (support)
        What `algorithms.worst_case` gives: uncertain and adversarial variables at the support
        points, ``probability``, ``weight`` and ``value`` (the recourse cost there). A set's
        samples, or a box's nominal outcome, are always there, other points where the worst
        law puts mass.
    recourse : xarray.Dataset (support)
        Recourse variables at the support points.
    method : str
    iterations : int
    seconds : float
        Wall time.
    message : str
        Why the worst case could not be proved, where it could not.
    """

    status: Status
    objective: float
    bound: float
    certified: bool
    exactness: Exactness
    first_stage: xr.Dataset
    duals: xr.Dataset
    worst_case: xr.Dataset
    recourse: xr.Dataset
    method: str
    iterations: int
    seconds: float
    message: str = ""

    @property
    def gap(self) -> float:
        """Relative gap between `bound` and `objective`."""
        return relative_gap(self.bound, self.objective)


@dataclass(frozen=True)
class RobustProgram:
    """A two-stage program and what is known of its uncertain variables.

    Parameters
    ----------
    program : TwoStageProgram
    ambiguity : AmbiguitySet
    """

    program: TwoStageProgram
    ambiguity: AmbiguitySet

    def solve(
        self,
        method: Method | None = None,
        *,
        time_limit: float | None = None,
        certify: bool = True,
    ) -> RobustSolution:
        """Solve.

        Parameters
        ----------
        method : Benders, ColumnConstraint or Extensive, optional
            Default: `Extensive` with integer recourse, `Benders` otherwise.
        time_limit : float, optional
            Seconds.
        certify : bool
            Prove the worst case once the method has converged.

        Raises
        ------
        InputError
            If the method does not treat the program (the sentence names a variable), the
            ambiguity set does not fit it, or the recourse is unbounded below.
        """
        started = time.monotonic()
        method = method or (Extensive() if self.program.recourse.integer.any() else Benders())
        block = Block("program", self.program, self.ambiguity)
        exactness = check(self.program, block.ambiguity, method.name)
        master = Master([block])
        budget = Budget() if time_limit is None else Budget(time_limit)
        incumbent, certified, message = _run(block, master, method, budget, certify=certify)
        worst, recourse = _worst_case(block, incumbent)
        return RobustSolution(
            status=_status(incumbent, method, certified),
            objective=-np.inf if incumbent.status is Status.UNBOUNDED else incumbent.upper,
            bound=np.inf if incumbent.status is Status.INFEASIBLE else incumbent.lower,
            certified=certified,
            exactness=exactness,
            first_stage=self.program.unpack(incumbent.x[0]),
            duals=_duals(master, incumbent),
            worst_case=worst,
            recourse=recourse,
            method=method.name,
            iterations=incumbent.iterations,
            seconds=time.monotonic() - started,
            message=message,
        )


def robustify(
    model: linopy.Model | TwoStageProgram,
    *,
    ambiguity: AmbiguitySet,
    recourse: Sequence[str] = (),
    uncertain: Sequence[str] = (),
    adversarial: Mapping[str, tuple[Any, Any]] | None = None,
    budget: int | None = None,
) -> RobustProgram:
    """Make an ordinary linopy model distributionally robust.

    Parameters
    ----------
    model : linopy.Model or TwoStageProgram
        A model that is minimised; a `TwoStageProgram` needs none of the names below.
    ambiguity : AmbiguitySet
        What is known of the law of the uncertain variables.
    recourse, uncertain, adversarial, budget
        As for `TwoStageProgram.from_linopy`.

    Raises
    ------
    InputError
        Names that are not in the model, or names beside a `TwoStageProgram`.

    Examples
    --------
    >>> import linopy, ambigrid as ag
    >>> model = linopy.Model()
    >>> order = model.add_variables(lower=0, name="order")
    >>> missing = model.add_variables(lower=0, name="missing")
    >>> demand = model.add_variables(name="demand")
    >>> _ = model.add_constraints(missing >= demand - order, name="shortage")
    >>> model.add_objective(1.0 * order + 3.0 * missing)
    >>> problem = ag.robustify(model, recourse=["missing"], uncertain=["demand"],
    ...                        ambiguity=ag.Box(lower=5.0, upper=8.0))
    >>> float(problem.solve().first_stage["order"])
    8.0
    """
    if not isinstance(model, TwoStageProgram):
        program = TwoStageProgram.from_linopy(
            model, recourse=recourse, uncertain=uncertain, adversarial=adversarial, budget=budget
        )
        return RobustProgram(program, ambiguity)
    if recourse or uncertain or adversarial or budget is not None:
        raise InputError(
            "a TwoStageProgram knows its recourse, uncertain and adversarial variables already",
            where="robustify",
            fix="leave the names out",
        )
    return RobustProgram(model, ambiguity)


def _run(
    block: Block, master: Master, method: Method, budget: Budget, *, certify: bool
) -> tuple[Incumbent, bool, str]:
    """Run the method; prove its worst case, and go on where the proof finds a worse one.

    Returns the incumbent, whether it is proved, and why not where that cannot be done.
    """
    while True:
        incumbent = method.run(master, budget)
        if incumbent.status is not Status.CONVERGED or not certify:
            return incumbent, False, ""
        if isinstance(method, Extensive) or block.lists_all(incumbent.static[0]):
            return incumbent, True, ""
        try:
            proof = _prove(block, incumbent, method.gap, budget)
        except InputError as error:
            return incumbent, False, f"The worst case is not proved: {error}"
        if proof.within or not proof.worse or budget.expired:
            proved = bool(np.isfinite(proof.upper))
            upper = proof.upper if proved else incumbent.upper
            return replace(incumbent, upper=max(incumbent.upper, upper)), proved, ""
        worse = Evaluation(proof.worse, np.inf, incumbent.evaluations[0].first_stage_cost)
        method.extend(master, without_values(incumbent.point, incumbent.x), (worse,))


def _prove(block: Block, incumbent: Incumbent, gap: float, budget: Budget) -> Certificate:
    tolerance = max(_TOLERANCE, gap) * max(1.0, abs(incumbent.upper))
    return certify_point(
        block,
        incumbent.x[0],
        incumbent.static[0],
        incumbent.evaluations[0],
        target=min(incumbent.lower, incumbent.upper),
        tolerance=tolerance,
        budget=budget,
    )


def _status(incumbent: Incumbent, method: Method, certified: bool) -> Status:
    tolerance = _TOLERANCE if isinstance(method, Extensive) else max(_TOLERANCE, method.gap)
    if certified and incumbent.gap <= tolerance:
        return Status.OPTIMAL
    return incumbent.status


def _duals(master: Master, incumbent: Incumbent) -> xr.Dataset:
    labels, point = master.blocks[0].program.first_rows.labels, incumbent.point
    if not incumbent.evaluations or point.status is not SolveStatus.OPTIMAL:
        return labels.unpack(np.full(labels.size, np.nan))
    if master.has_integers:
        point = master.solve_fixed(point)
    return labels.unpack(master.first_row_duals(0, point))


def _worst_case(block: Block, incumbent: Incumbent) -> tuple[xr.Dataset, xr.Dataset]:
    """Put the worst law on the support, with the vertices found last among it."""
    if not incumbent.evaluations or not np.isfinite(incumbent.upper):
        return xr.Dataset(), xr.Dataset()
    for item in incumbent.evaluations[0].found:
        if not block.support_numbers(item.vertex.outcome):
            block.risk.add(item.vertex.outcome)
    return worst_case(block, incumbent.x[0])
