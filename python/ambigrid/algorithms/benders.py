"""Multi-cut Benders decomposition with an adversarial search inside.

repeat  master → x, lower bound
        every centre: worst vertex (ξ, u) at x, value and cut
        add the cuts the master violates
until   upper - lower is within tolerance, or no cut is violated
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.block import Block, Evaluation
from ambigrid.algorithms.master import Master, MasterPoint, Proximal
from ambigrid.algorithms.recourse import Cut
from ambigrid.engines import SolveStatus
from ambigrid.labels import Vector


@dataclass(frozen=True)
class Round:
    """One pass: the master's point, what the searches found there, and both bounds."""

    point: MasterPoint
    evaluations: tuple[Evaluation, ...]
    lower: float
    upper: float
    new_cuts: int


def model_risk(master: Master, point: MasterPoint, index: int) -> float:
    """Risk of a block as the master sees it."""
    risk = master.blocks[index].risk
    costs = np.array([risk.value_cost(k) for k in range(len(point.theta[index]))])
    return float(risk.static().cost @ point.static[index] + costs @ point.theta[index])


def add_violated_cuts(
    master: Master, index: int, evaluation: Evaluation, theta: Vector, tolerance: float, x: Vector
) -> int:
    """Add the cuts of an evaluation that the master's θ violates; return how many."""
    block = master.blocks[index]
    cuts: list[tuple[int, Cut]] = []
    for found in evaluation.found:
        k = block.support_index(found.vertex.outcome)
        if k is None:
            k = block.risk.add(found.vertex.outcome)
            master.add_support(index, k)
        known = theta[k] if k < len(theta) else -np.inf
        cut = found.recourse.cut
        violation = cut(x) if cut.feasibility else cut(x) - known
        if violation > tolerance * (1.0 + abs(known) if np.isfinite(known) else 1.0):
            cuts.append((k, cut))
    master.add_cuts(index, cuts)
    return len(cuts)


def pass_once(
    master: Master,
    *,
    proximal: Sequence[Proximal] = (),
    thorough: bool = False,
    tolerance: float = 1e-9,
    map_blocks: Callable[..., object] = map,
) -> Round:
    """Solve the master, evaluate every block at its point, add violated cuts."""
    point = master.solve(proximal)
    if point.status is not SolveStatus.OPTIMAL:
        return Round(point, (), point.bound, np.inf, 0)

    def evaluate(index: int) -> Evaluation:
        block: Block = master.blocks[index]
        return block.evaluate(point.x[index], point.static[index], thorough=thorough)

    evaluations = tuple(map_blocks(evaluate, range(len(master.blocks))))  # type: ignore[arg-type]
    excess = sum(
        evaluation.risk - model_risk(master, point, index)
        for index, evaluation in enumerate(evaluations)
    )
    new = sum(
        add_violated_cuts(master, index, evaluation, point.theta[index], tolerance, point.x[index])
        for index, evaluation in enumerate(evaluations)
    )
    return Round(point, evaluations, point.objective, point.objective + max(excess, 0.0), new)
