"""All laws within a transport distance of the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import xarray as xr

from ambigrid.ambiguity.base import (
    AmbiguitySet,
    outcome_matrix,
    outcome_vector,
    weight_vector,
)
from ambigrid.errors import InputError
from ambigrid.labels import Labels, Vector


@dataclass(frozen=True)
class Wasserstein(AmbiguitySet):
    """Laws whose order-1 Wasserstein distance from the samples is at most `radius`.

    Parameters
    ----------
    samples : DataArray (scenario, …) or array (N, n_ξ), optional
        Centre of the ball, in the unit of the uncertain variable.
    weights : array (N,), optional
        Probabilities of the samples; equal by default.
    radius : float or mapping of agent name or kind to float
        In the unit of the uncertain variable (after division by `scale`); at least 0.
    norm : 1 or "inf"
        Norm of the transport distance over all uncertain variables.
    scale : number, array or DataArray, optional
        Divides each uncertain variable in the distance; positive, default 1.
    support : "samples" or "box"
        Where mass may go: to the samples, or anywhere in the box from `lower` to `upper`.
    lower, upper : number, array or DataArray, optional
        The box; default the componentwise range of the samples.
    distances : array (N, N), optional
        Transport cost between samples, instead of the norm (support "samples" only).

    References
    ----------
    Mohajerin Esfahani and Kuhn, Mathematical Programming 171 (2018) 115-166.
    """

    samples: Any = None
    weights: Any = None
    radius: float | Mapping[str, float] = 0.0
    norm: Literal[1, "inf"] = "inf"
    scale: Any = None
    support: Literal["samples", "box"] = "samples"
    lower: Any = None
    upper: Any = None
    distances: Any = None
    name = "wasserstein"

    def filled(self, samples: xr.DataArray, weights: xr.DataArray, agent: tuple[str, str]) -> Self:
        """Take the case's samples where none are given, and this agent's radius."""
        filled = replace(self, radius=_radius_of(self.radius, agent))
        if self.samples is None:
            filled = replace(filled, samples=samples, weights=weights)
        return filled

    def checked(self, uncertain: Labels) -> Self:
        """Return the set with arrays: samples (N, n_ξ), weights (N,), scale and box (n_ξ,)."""
        if self.samples is None:
            raise InputError("samples are needed", where="Wasserstein", fix="give samples=…")
        samples = outcome_matrix(self.samples, uncertain, "Wasserstein samples")
        weights = weight_vector(self.weights, len(samples), "Wasserstein weights")
        scale = outcome_vector(
            1.0 if self.scale is None else self.scale, uncertain, "Wasserstein scale"
        )
        lower, upper = (
            default if end is None else outcome_vector(end, uncertain, f"Wasserstein {name}")
            for end, default, name in (
                (self.lower, samples.min(axis=0), "lower"),
                (self.upper, samples.max(axis=0), "upper"),
            )
        )
        self._check_ranges(scale)
        outside = (samples < lower - 1e-9) | (samples > upper + 1e-9)
        if self.support == "box" and outside.any():
            i, j = np.argwhere(outside)[0]
            raise InputError(
                f"scenario {i} lies outside the box at {uncertain.describe(int(j))}",
                where="Wasserstein",
                got=samples[i, j],
                fix="widen the box or drop the scenario",
            )
        distances = self._distances(samples, scale)
        return replace(
            self, samples=samples, weights=weights, radius=_radius_of(self.radius, ("", "")),
            scale=scale, lower=lower, upper=upper, distances=distances,
        )  # fmt: skip

    @property
    def extremes(self) -> tuple[Vector, Vector]:
        """Range of the support: the box, or the samples."""
        if self.support == "box":
            return self.lower, self.upper
        return self.samples.min(axis=0), self.samples.max(axis=0)

    def distance(self, difference: Vector) -> Vector:
        """Transport distance of outcome differences (…, n_ξ) of a checked set."""
        scaled = np.abs(difference) / self.scale
        if not scaled.shape[-1]:
            return np.zeros(scaled.shape[:-1])
        return np.asarray(scaled.sum(axis=-1) if self.norm == 1 else scaled.max(axis=-1))

    def _check_ranges(self, scale: Vector) -> None:
        radius = _radius_of(self.radius, ("", ""))
        if not (np.isfinite(radius) and radius >= 0):
            raise InputError(
                "the radius must be a number of at least 0",
                where="Wasserstein",
                got=radius,
                fix="give radius=0 for the samples' own law",
            )
        if self.norm not in (1, "inf"):
            raise InputError("unknown norm", where="Wasserstein", got=self.norm,
                             fix='use 1 or "inf"')  # fmt: skip
        if self.support not in ("samples", "box"):
            raise InputError("unknown support", where="Wasserstein", got=self.support,
                             fix='use "samples" or "box"')  # fmt: skip
        if not (scale > 0).all():
            raise InputError("the scale must be positive", where="Wasserstein", got=scale.min())
        if self.distances is not None and self.support == "box":
            raise InputError("distances go with support samples only", where="Wasserstein")

    def _distances(self, samples: Vector, scale: Vector) -> Vector:
        if self.distances is None:
            return replace(self, scale=scale).distance(samples[:, None, :] - samples[None, :, :])
        given = np.asarray(self.distances, dtype=float)
        if given.shape != (len(samples),) * 2 or not (given >= 0).all() or np.diag(given).any():
            raise InputError(
                "distances must be a square of numbers of at least 0 with a diagonal of zeros",
                where="Wasserstein",
                got=given.shape,
            )
        return given


def _radius_of(radius: float | Mapping[str, float], agent: tuple[str, str]) -> float:
    if not isinstance(radius, Mapping):
        return float(radius)
    for key in agent:
        if key in radius:
            return float(radius[key])
    raise InputError(
        f"there is no radius for agent {agent[0]!r} of kind {agent[1]!r}",
        where="Wasserstein",
        got=dict(radius),
        fix="give one number, or one per agent name or kind",
    )
