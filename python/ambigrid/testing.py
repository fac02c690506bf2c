"""Hypothesis strategies and optimality checks, for this package's tests and for yours.

Needs ``hypothesis`` (installed by ``pip install "ambigrid[test]"``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st

from ambigrid.engines import LinearProgram, Solution
from ambigrid.labels import Vector
from ambigrid.program import TwoStageProgram


@dataclass(frozen=True)
class ProgramShape:
    """Sizes and features of a random program.

    Attributes
    ----------
    first_stage, recourse, rows, uncertain, adversarial : int
        Numbers of x, y (besides slacks), second-stage rows, ξ and δ.
    budget : int or None
        Of the adversary.
    complete_recourse : bool
        Whether every row has a priced slack, so that V is finite everywhere.
    integer : bool
        Whether the first stage is integer.
    quadratic : bool
        Whether the first stage has a quadratic cost.
    """

    first_stage: int = 2
    recourse: int = 3
    rows: int = 4
    uncertain: int = 2
    adversarial: int = 0
    budget: int | None = None
    complete_recourse: bool = True
    integer: bool = False
    quadratic: bool = False


def random_program(seed: int, shape: ProgramShape | None = None) -> TwoStageProgram:
    """Random `TwoStageProgram` with a bounded first stage and coefficients of two decimals.

    Parameters
    ----------
    seed : int
    shape : ProgramShape, optional
    """
    shape = shape or ProgramShape()
    rng = np.random.default_rng(seed)

    def normal(*size: int) -> Any:
        return np.round(rng.normal(size=size), 2)

    n, m = shape.first_stage, shape.rows
    W, cost = normal(m, shape.recourse), np.round(rng.uniform(0.1, 1.0, shape.recourse), 2)
    upper = np.full(shape.recourse, 3.0)
    if shape.complete_recourse:
        W = np.hstack([W, -np.eye(m)])
        cost = np.concatenate([cost, np.round(rng.uniform(1.0, 5.0, m), 2)])
        upper = np.concatenate([upper, np.full(m, np.inf)])
    parts: dict[str, Any] = {}
    if shape.adversarial:
        ends = (np.abs(normal(shape.adversarial, n)), np.abs(normal(shape.adversarial)))
        parts = {
            "D": normal(m, shape.adversarial),
            "call_lower": (-ends[0], -0.5 * ends[1]),
            "call_upper": ends,
            "budget": shape.budget,
        }
    if shape.quadratic:
        root = normal(n, n)
        parts["quadratic"] = root.T @ root
    slack = 0.0 if shape.complete_recourse else 2.0
    return TwoStageProgram.from_matrices(
        cost=normal(n), recourse_cost=cost, W=W, T=normal(m, n), h=normal(m) + slack,
        H=normal(m, shape.uncertain), A=np.ones((1, n)), b=[0.7 * n], upper=2.0,
        recourse_upper=upper, integer=shape.integer, **parts,
    )  # fmt: skip


def random_samples(seed: int, count: int, size: int) -> tuple[Vector, Vector]:
    """Random samples in [-1, 1] with two decimals, and their weights.

    Returns
    -------
    (array (count, size), array (count,))
    """
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 10, count).astype(float)
    return np.round(rng.uniform(-1.0, 1.0, (count, size)), 2), weights / weights.sum()


def two_stage_programs(shape: ProgramShape | None = None) -> st.SearchStrategy[TwoStageProgram]:
    """Random two-stage programs of one shape."""
    return st.builds(random_program, st.integers(0, 2**16), st.just(shape or ProgramShape()))


def outcome_samples(size: int, most: int = 4) -> st.SearchStrategy[tuple[Vector, Vector]]:
    """Random samples of `size` uncertain variables with weights."""
    return st.builds(random_samples, st.integers(0, 2**16), st.integers(1, most), st.just(size))


@dataclass(frozen=True)
class KKTResiduals:
    """How far a primal-dual pair is from the optimality conditions, each relative to its scale.

    Attributes
    ----------
    primal : float
        Largest violation of rows and bounds.
    sign : float
        Largest dual of a side that does not exist: a lower side has duals ≥ 0, an upper ≤ 0.
    stationarity : float
        Largest element of cost + hessian z - matrix'π - reduced costs.
    complementarity : float
        Largest product of a dual and the distance to its side.
    """

    primal: float
    sign: float
    stationarity: float
    complementarity: float

    @property
    def largest(self) -> float:
        """Largest residual."""
        return max(self.primal, self.sign, self.stationarity, self.complementarity)


def kkt_residuals(
    program: LinearProgram, solution: Solution, hessian: sp.csr_array | None = None
) -> KKTResiduals:
    """Residuals of the Karush-Kuhn-Tucker conditions: zero proves optimality.

    Parameters
    ----------
    program : LinearProgram
        Minimise cost'z (+ ½ z'hessian z) within rows and bounds.
    solution : Solution
        Primal point, row duals and reduced costs.
    hessian : sparse array (columns, columns), optional
    """
    z = solution.primal
    gradient = program.cost if hessian is None else program.cost + hessian @ z
    activity = program.matrix @ z
    balance = gradient - program.matrix.T @ solution.row_duals - solution.reduced_costs
    groups = (
        (activity, program.row_lower, program.row_upper, solution.row_duals),
        (z, program.lower, program.upper, solution.reduced_costs),
    )
    primal, sign, slack = (max(parts) for parts in zip(*map(_side_residuals, groups), strict=True))
    scale = 1.0 + float(np.abs(gradient).max(initial=0.0))
    return KKTResiduals(
        primal / (1.0 + float(np.abs(z).max(initial=0.0))),
        sign / scale,
        float(np.abs(balance).max(initial=0.0)) / scale,
        slack / (1.0 + abs(solution.objective)),
    )


def _side_residuals(group: tuple[Vector, Vector, Vector, Vector]) -> tuple[float, float, float]:
    """Violation, duals of the wrong sign, and dual times distance of rows or columns."""
    value, lower, upper, dual = group
    violation = np.maximum(lower - value, value - upper)
    rising, falling = np.maximum(dual, 0.0), np.maximum(-dual, 0.0)
    sign = np.where(np.isneginf(lower), rising, 0.0) + np.where(np.isposinf(upper), falling, 0.0)
    with np.errstate(invalid="ignore"):
        to_lower = np.where(np.isneginf(lower), 0.0, rising * np.abs(value - lower))
        to_upper = np.where(np.isposinf(upper), 0.0, falling * np.abs(upper - value))
    return tuple(  # type: ignore[return-value]
        float(np.max(part, initial=0.0))
        for part in (violation, sign, np.maximum(to_lower, to_upper))
    )


__all__ = [
    "KKTResiduals",
    "ProgramShape",
    "kkt_residuals",
    "outcome_samples",
    "random_program",
    "random_samples",
    "two_stage_programs",
]
