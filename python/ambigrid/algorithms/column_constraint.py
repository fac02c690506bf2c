"""Column-and-constraint generation: the master learns the recourse itself at worst vertices.

Every violated vertex (ξ, u) brings a copy of y with the rows T x + W y + D δ_u(x) + H ξ {≤,=,≥} h
and θ_ξ ≥ q'y: the master is exact at that vertex for every x, feasibility included.

References
----------
Zeng and Zhao, Operations Research Letters 41 (2013) 457-461.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ambigrid.algorithms.block import Evaluation
from ambigrid.algorithms.loop import Decomposition, underestimated
from ambigrid.algorithms.master import Master, MasterPoint


@dataclass(frozen=True)
class ColumnConstraint(Decomposition):
    """Options of the loop with copies of the recourse (C&CG).

    Parameters
    ----------
    gap : float
        Relative gap (upper - lower) / max(1, |upper|) at which to stop.
    iterations : int
        Largest number of passes.
    """

    name = "column_constraint"

    def extend(self, master: Master, point: MasterPoint, evaluations: Sequence[Evaluation]) -> int:
        """Add a copy for every violated vertex that has none."""
        added = 0
        for index, evaluation in enumerate(evaluations):
            for k, found in underestimated(master, index, point, evaluation, 1e-9):
                added += master.add_vertex(index, k, found.vertex)
        return added
