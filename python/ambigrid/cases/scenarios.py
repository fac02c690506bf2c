"""Fewer scenarios: the medoids of a set of days, weighted by the share of days they stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]


def medoids(
    samples: Array, count: int, rng: np.random.Generator, *, rounds: int = 50
) -> tuple[NDArray[np.intp], Array]:
    """Cluster samples by k-medoids in the Euclidean distance.

    Starts from seeds drawn as in k-means++ and alternates assignment and medoid until nothing
    moves (H.-S. Park, C.-H. Jun, "A simple and fast algorithm for K-medoids clustering", Expert
    Systems with Applications 36, 2009).

    Parameters
    ----------
    samples : ndarray (day, ...)
        Samples; all further axes are flattened.
    count : int
        Number of medoids, at most the number of samples.
    rng : numpy.random.Generator
        Source of the seeds.
    rounds : int
        Largest number of rounds.

    Returns
    -------
    chosen : ndarray (count,)
        Positions of the medoids, rising.
    weight : ndarray (count,)
        Share of the samples in each cluster, adding up to one.
    """
    points = samples.reshape(len(samples), -1)
    distance = cdist(points, points)
    chosen = _spread_seeds(distance, count, rng)
    for _ in range(rounds):
        nearest = distance[:, chosen].argmin(axis=1)
        moved = np.array([_centre(distance, nearest == k, chosen[k]) for k in range(count)])
        if np.array_equal(moved, chosen):
            break
        chosen = moved
    chosen = np.sort(chosen)
    nearest = distance[:, chosen].argmin(axis=1)
    return chosen, np.bincount(nearest, minlength=count) / len(points)


def _spread_seeds(distance: Array, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    chosen = [int(rng.integers(len(distance)))]
    while len(chosen) < count:
        gap = distance[:, chosen].min(axis=1) ** 2
        if gap.sum() == 0.0:  # only copies are left
            gap[np.setdiff1d(np.arange(len(gap)), chosen)] = 1.0
        chosen.append(int(rng.choice(len(distance), p=gap / gap.sum())))
    return np.array(chosen)


def _centre(distance: Array, cluster: NDArray[np.bool_], current: int) -> int:
    """Position of the medoid of a cluster; the current one if the cluster is empty."""
    members = np.flatnonzero(cluster)
    if not members.size:
        return current
    within = distance[np.ix_(members, members)].sum(axis=1)
    return int(members[within.argmin()])
