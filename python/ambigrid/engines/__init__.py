"""Solvers behind one interface. The only room that knows a solver's name."""

from ambigrid.engines.base import LinearProgram, MixedInteger, Solution, SolveStatus
from ambigrid.engines.clarabel import solve_quadratic
from ambigrid.engines.highs import PersistentProgram, solve_linear, solve_mixed_integer

__all__ = [
    "LinearProgram",
    "MixedInteger",
    "PersistentProgram",
    "Solution",
    "SolveStatus",
    "solve_linear",
    "solve_mixed_integer",
    "solve_quadratic",
]
