"""`Wasserstein`: the dual of the transport problem.

    sup_P E_P[V] = min λ·radius + Σ_i w_i s_i,   s_i ≥ max_ξ [ V(x, ξ) - λ d(ξ, ξ_i) ],  λ ≥ 0

For support = samples the maximum is over the samples: a finite linear program. For a box it
lies at finitely many points because V is convex in ξ: with the 1-norm each coordinate is at an
end of the box or at its sample; with the ∞-norm the distance t is one of the coordinates'
distances to the ends, and each coordinate at sample ± t, cut off at the box.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ambigrid.ambiguity import Wasserstein
from ambigrid.engines import LinearProgram, SolveStatus, solve_linear
from ambigrid.errors import SolverError
from ambigrid.labels import Vector
from ambigrid.reformulations.base import Link, Reformulation, Search, StaticColumns


class Transport(Reformulation):
    """Static columns are λ and s_1 … s_N."""

    def __init__(self, ambiguity: Wasserstein) -> None:
        self._set = ambiguity
        self._radius = min(float(ambiguity.radius), _diameter(ambiguity))  # type: ignore[arg-type]
        self.grows = ambiguity.support == "box"
        self.support, self.reference = list(ambiguity.samples), ambiguity.weights
        self._distances = list(ambiguity.distances.T)  # per support point, to every sample

    def static(self) -> StaticColumns:
        """Return λ ≥ 0 at the radius, s_i free at w_i."""
        count = len(self.reference)
        cost = np.concatenate([[self._radius], self.reference])
        lower = np.concatenate([[0.0], np.full(count, -np.inf)])
        return StaticColumns(cost, lower, np.full(count + 1, np.inf))

    def value_cost(self, k: int) -> float:
        """θ_k costs nothing; λ and s do."""
        return 0.0

    def link(self, k: int) -> Link:
        """Return s_i + λ d(ξ_k, ξ_i) - θ_k ≥ 0 for every sample i that has weight."""
        active = np.flatnonzero(self.reference > 0)
        count = len(active)
        matrix = np.zeros((count, len(self.reference) + 1))
        matrix[:, 0] = self._distances[k][active]
        matrix[np.arange(count), active + 1] = 1.0
        return Link(sp.csr_array(matrix), -np.ones(count), np.zeros(count))

    def add(self, outcome: Vector) -> int:
        """Append a support point with its distances."""
        self._distances.append(self._set.distance(self._set.samples - outcome))
        return super().add(outcome)

    def searches(self, static: Vector) -> list[list[Search]]:
        """One group per sample; for a box with the ∞-norm one search per distance."""
        if not self.grows:
            return [[Search(outcome)] for outcome in self.support]
        price = float(static[0])
        if self._set.norm == 1:
            return [[self._one_norm(sample, price)] for sample in self._set.samples]
        return [self._max_norm(sample, price) for sample in self._set.samples]

    def risk(self, values: Vector, static: Vector) -> float:
        """Worst-case expectation; for a box the dual value at the master's λ."""
        if not self.grows:
            return self.worst_case(values)[0]
        return float(self._radius * static[0] + self.reference @ values)

    def worst_case(self, values: Vector) -> tuple[float, Vector]:
        """Solve the transport problem over the support."""
        plan = optimal_transport(values, self.reference, np.array(self._distances).T, self._radius)
        law = plan.sum(axis=0)
        return float(law @ values), law

    def _one_norm(self, sample: Vector, price: float) -> Search:
        box = self._set
        options = np.stack([sample, box.lower, box.upper], axis=1)
        penalties = price * np.abs(options - sample[:, None]) / box.scale[:, None]
        return Search(sample, np.arange(len(sample)), options, penalties)

    def _max_norm(self, sample: Vector, price: float) -> list[Search]:
        box = self._set
        reach = np.concatenate([(sample - box.lower) / box.scale, (box.upper - sample) / box.scale])
        searches = []
        for t in np.unique(np.concatenate([[0.0], reach])):
            low = np.maximum(box.lower, sample - t * box.scale)
            high = np.minimum(box.upper, sample + t * box.scale)
            options = np.stack([low, high], axis=1)
            free = np.flatnonzero(high > low)
            zeros = np.zeros((len(free), 2))
            searches.append(Search(sample, free, options[free], zeros, offset=price * t))
        return searches


def _diameter(ambiguity: Wasserstein) -> float:
    """Farthest that mass can move; a larger radius allows no more and spoils a master's scaling."""
    if ambiguity.support == "samples":
        return float(ambiguity.distances.max())
    samples = ambiguity.samples
    ends = np.maximum(samples - ambiguity.lower, ambiguity.upper - samples)
    return float(ambiguity.distance(ends).max())


def optimal_transport(values: Vector, weights: Vector, distances: Vector, radius: float) -> Vector:
    """Move mass from samples to support points so that the expectation is largest.

    Parameters
    ----------
    values : array (K,)
        Value of each support point.
    weights : array (N,)
        Mass of each sample.
    distances : array (N, K)
        Transport cost per unit of mass.
    radius : float
        Largest total transport cost.

    Returns
    -------
    array (N, K)
        Mass moved from each sample to each support point.
    """
    count, points = distances.shape
    scale = max(1.0, float(np.abs(values).max()))
    rows = np.repeat(np.arange(count), points)
    columns = np.arange(count * points)
    mass = sp.csr_array((np.ones(count * points), (rows, columns)))
    matrix = sp.csr_array(sp.vstack([mass, sp.csr_array(distances.reshape(1, -1))]))
    program = LinearProgram(
        -np.tile(values / scale, count),
        np.zeros(count * points),
        np.full(count * points, np.inf),
        matrix,
        np.concatenate([weights, [-np.inf]]),
        np.concatenate([weights, [radius]]),
    )
    solution = solve_linear(program)
    if solution.status is not SolveStatus.OPTIMAL:
        raise SolverError(f"The transport problem ended with status {solution.status.value}.")
    return solution.primal.reshape(count, points)
