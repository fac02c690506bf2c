"""The samples' own law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import xarray as xr

from ambigrid.ambiguity.base import AmbiguitySet, outcome_matrix, weight_vector
from ambigrid.errors import InputError
from ambigrid.labels import Labels, Vector


@dataclass(frozen=True)
class Empirical(AmbiguitySet):
    """The law of the samples: sample-average approximation, stochastic programming.

    Parameters
    ----------
    samples : DataArray (scenario, …) or array (N, n_ξ), optional
        Outcomes in the unit of the uncertain variable.
    weights : array (N,), optional
        Their probabilities; equal by default.
    """

    samples: Any = None
    weights: Any = None
    name = "empirical"

    def filled(self, samples: xr.DataArray, weights: xr.DataArray, agent: tuple[str, str]) -> Self:
        """Take the case's samples and weights where none are given."""
        if self.samples is not None:
            return self
        return replace(self, samples=samples, weights=weights)

    def checked(self, uncertain: Labels) -> Self:
        """Return the set with samples (N, n_ξ) and weights (N,)."""
        if self.samples is None:
            raise InputError("samples are needed", where="Empirical", fix="give samples=…")
        samples = outcome_matrix(self.samples, uncertain, "Empirical samples")
        weights = weight_vector(self.weights, len(samples), "Empirical weights")
        return replace(self, samples=samples, weights=weights)

    @property
    def extremes(self) -> tuple[Vector, Vector]:
        """Range of the samples."""
        return self.samples.min(axis=0), self.samples.max(axis=0)
