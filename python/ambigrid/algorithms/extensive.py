"""One deterministic equivalent: a copy of the recourse for every support point and call pattern.

    min c'x + ½x'Qx + risk(z, θ)   s.t.   first-stage rows, rows of the risk,
    θ_k ≥ q'y_ku,  T x + W y_ku + D δ_u(x) + H ξ_k {≤,=,≥} h   for all support points k, patterns u

There is no loop. On a box the support points are its vertices (`Box`) or the points among which
a worst-case transport lies (`Wasserstein`), so its size grows quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ambigrid.algorithms.block import Block
from ambigrid.algorithms.enumeration import count_vertices, vertices
from ambigrid.algorithms.log import relative_gap
from ambigrid.algorithms.loop import ENDINGS, PRECISION, Incumbent
from ambigrid.algorithms.master import Master, MasterPoint
from ambigrid.algorithms.stopping import Budget
from ambigrid.errors import InputError
from ambigrid.reformulations import Search
from ambigrid.status import Status


@dataclass(frozen=True)
class Extensive:
    """Options of the deterministic equivalent.

    Parameters
    ----------
    copies : int
        Largest number of copies of the recourse; above it the problem is refused.
    """

    copies: int = 4096
    name: ClassVar[str] = "extensive"

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise InputError("there must be a copy", where="Extensive", got=self.copies)

    def run(
        self,
        master: Master,
        budget: Budget | None = None,
        record: Callable[[Incumbent], None] | None = None,
    ) -> Incumbent:
        """Add every copy to the master and solve it.

        Raises
        ------
        InputError
            If there are more vertices than `copies`.
        """
        budget = budget or Budget()
        for index, block in enumerate(master.blocks):
            self._expand(master, index, block)
        incumbent = _incumbent(master, master.solve(time_limit=budget.remaining))
        if record is not None:
            record(incumbent)
        return incumbent

    def _expand(self, master: Master, index: int, block: Block) -> None:
        searches = all_searches(block)
        count = count_vertices(block.program, searches)
        if count > self.copies:
            raise InputError(
                f"there are up to {count} support points and call patterns, more than "
                f"{self.copies} copies",
                where=f"Extensive, {block.name}",
                fix="use Benders or ColumnConstraint, or allow more copies",
            )
        for vertex in vertices(block.program, searches):
            for k in master.support_numbers(index, vertex.outcome):
                master.add_vertex(index, k, vertex)


def all_searches(block: Block) -> list[Search]:
    """Return the searches of all centres; which outcomes they may choose does not depend on λ."""
    groups = block.risk.searches(block.risk.static().lower)
    return [search for group in groups for search in group]


def _incumbent(master: Master, point: MasterPoint) -> Incumbent:
    if not np.isfinite(point.objective):
        status = ENDINGS.get(point.status, Status.ERROR)
        return Incumbent(status, point.bound, np.inf, point.x, point.static, (), point, 1)
    kept = master.within_bounds(point)
    evaluations = tuple(
        block.evaluate_all(x, static)
        for block, x, static in zip(master.blocks, kept.x, kept.static, strict=True)
    )
    upper = sum(item.total for item in evaluations)
    status = ENDINGS.get(point.status, Status.CONVERGED)
    if status is Status.CONVERGED and relative_gap(point.bound, upper) > PRECISION:
        status = Status.ERROR  # the equivalent's own value must be the risk of its decision
    return Incumbent(status, point.bound, upper, kept.x, kept.static, evaluations, point, 1)
