"""Cuts that were learnt: they outlive penalties, multipliers, radii and weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ambigrid.algorithms.recourse import Cut
from ambigrid.labels import Vector


class CutPool:
    """Per-scenario cuts of V as arrays.

    Attributes
    ----------
    gradient : array (cuts, n_x)
    constant : array (cuts,)
    support : int array (cuts,)
        Support point whose θ the cut bounds; -1 for feasibility cuts.
    active : bool array (cuts,)
        Whether the cut is in the master's solver.
    idle : int array (cuts,)
        Solves since it was last binding.
    """

    def __init__(self, width: int) -> None:
        self.gradient = np.zeros((0, width))
        self.constant = np.zeros(0)
        self.support = np.zeros(0, dtype=np.intp)
        self.active = np.zeros(0, dtype=bool)
        self.idle = np.zeros(0, dtype=np.intp)

    def __len__(self) -> int:
        return len(self.constant)

    def append(self, cuts: Sequence[tuple[int, Cut]]) -> np.ndarray:
        """Add cuts of support points and return their numbers."""
        start, count = len(self), len(cuts)
        self.gradient = np.vstack([self.gradient, [cut.gradient for _, cut in cuts]])
        self.constant = np.append(self.constant, [cut.constant for _, cut in cuts])
        points = [-1 if cut.feasibility else k for k, cut in cuts]
        self.support = np.append(self.support, points)
        self.active = np.append(self.active, np.zeros(count, dtype=bool))
        self.idle = np.append(self.idle, np.zeros(count, dtype=np.intp))
        return np.arange(start, start + count)

    def violated(self, x: Vector, theta: Vector, tolerance: float) -> np.ndarray:
        """Numbers of inactive cuts above θ (or above 0) at x by more than `tolerance`, relative."""
        known = np.where(self.support >= 0, theta[self.support], 0.0)
        excess = self.gradient @ x + self.constant - known
        return np.flatnonzero(~self.active & (excess > tolerance * (1.0 + np.abs(known))))
