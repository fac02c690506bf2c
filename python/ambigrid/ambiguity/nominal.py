"""One outcome taken as certain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import xarray as xr

from ambigrid.ambiguity.base import AmbiguitySet, outcome_vector
from ambigrid.errors import InputError
from ambigrid.labels import Labels, Vector


@dataclass(frozen=True)
class Nominal(AmbiguitySet):
    """The law that puts all mass on one point: a deterministic program.

    Parameters
    ----------
    point : array or DataArray, optional
        The outcome, in the unit of the uncertain variable; a study's default is the weighted
        mean of its samples.
    """

    point: Any = None
    name = "nominal"

    def filled(self, samples: xr.DataArray, weights: xr.DataArray, agent: tuple[str, str]) -> Self:
        """Take the weighted mean of the samples where no point is given."""
        if self.point is not None:
            return self
        return replace(self, point=(samples * weights).sum("scenario"))

    def checked(self, uncertain: Labels) -> Self:
        """Return the set with its point as an array (n_ξ,)."""
        if self.point is None:
            raise InputError("a point is needed", where="Nominal", fix="give point=…")
        return replace(self, point=outcome_vector(self.point, uncertain, "Nominal"))

    @property
    def extremes(self) -> tuple[Vector, Vector]:
        """The point, twice."""
        return self.point, self.point
