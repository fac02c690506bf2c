"""The closed list of how a run can end."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a run ended; ``optimal`` is claimed only with a certified gap within tolerance."""

    OPTIMAL = "optimal"
    CONVERGED = "converged"
    TIME_LIMIT = "time_limit"
    INTERRUPTED = "interrupted"
    ITERATION_LIMIT = "iteration_limit"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    ERROR = "error"

    @property
    def solved(self) -> bool:
        """Whether the run reached its tolerance; the command line then exits with status 0."""
        return self in (Status.OPTIMAL, Status.CONVERGED)
