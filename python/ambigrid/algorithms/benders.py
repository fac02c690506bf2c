"""Multi-cut Benders decomposition: the master learns cuts of V at worst vertices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ambigrid.algorithms.block import Evaluation
from ambigrid.algorithms.loop import (
    Decomposition,
    Incumbent,
    evaluate_blocks,
    model_risk,
    underestimated,
)
from ambigrid.algorithms.master import Master, MasterPoint
from ambigrid.errors import InputError


@dataclass(frozen=True)
class Benders(Decomposition):
    """Options of the loop with cuts.

    Parameters
    ----------
    gap : float
        Relative gap (upper - lower) / max(1, |upper|) at which to stop.
    iterations : int
        Largest number of passes.
    level : float
        Position of the level between lower (0) and upper bound (1); None switches the
        stabilisation off, as integers or a quadratic cost in the first stage do.
    """

    level: float | None = 0.4
    name = "benders"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level is not None and not 0 < self.level < 1:
            raise InputError("the level must lie between 0 and 1", where="Benders", got=self.level)

    @property
    def stabilisation(self) -> float | None:
        """Position of the level."""
        return self.level

    def extend(self, master: Master, point: MasterPoint, evaluations: Sequence[Evaluation]) -> int:
        """Add the violated cuts."""
        return add_violated_cuts(master, point, evaluations)


def add_violated_cuts(
    master: Master,
    point: MasterPoint,
    evaluations: Sequence[Evaluation],
    tolerance: float = 1e-9,
) -> int:
    """Add the cuts of evaluations at a point that its θ violates; return how many."""
    added = 0
    for index, evaluation in enumerate(evaluations):
        theta, x = point.theta[index], point.x[index]
        missing = underestimated(master, index, point, evaluation, tolerance)
        cuts = [(k, found.recourse.cut) for k, found in missing]
        master.add_cuts(index, cuts)
        added += len(cuts)
        unseen = np.full(len(master.blocks[index].risk.support) - len(theta), np.inf)
        added += master.recall(index, x, np.append(theta, unseen), tolerance)
    return added


__all__ = ["Benders", "Incumbent", "add_violated_cuts", "evaluate_blocks", "model_risk"]
