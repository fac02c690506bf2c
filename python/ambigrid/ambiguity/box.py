"""Every law on a box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr

from ambigrid.ambiguity.base import AmbiguitySet, outcome_vector
from ambigrid.errors import InputError
from ambigrid.labels import Labels, Vector


@dataclass(frozen=True)
class Box(AmbiguitySet):
    """All laws on a box: adaptive robust optimization.

    Parameters
    ----------
    lower, upper : number, array or DataArray, optional
        Ends of the box, in the unit of the uncertain variable; a study's default is the
        componentwise range of its samples.
    nominal : array or DataArray, optional
        Undisturbed outcome; default the weighted mean of samples, or the middle of the box.
    budget : int, optional
        Largest number of uncertain variables that leave `nominal`.
    """

    lower: Any = None
    upper: Any = None
    nominal: Any = None
    budget: int | None = None
    name = "box"

    def filled(self, samples: xr.DataArray, weights: xr.DataArray, agent: tuple[str, str]) -> Self:
        """Take the componentwise range and the weighted mean of the samples."""
        if self.lower is not None or self.upper is not None:
            return self
        mean = (samples * weights).sum("scenario")
        nominal = mean if self.nominal is None else self.nominal
        lower, upper = samples.min("scenario"), samples.max("scenario")
        return replace(self, lower=lower, upper=upper, nominal=nominal)

    def checked(self, uncertain: Labels) -> Self:
        """Return the set with lower ≤ nominal ≤ upper as arrays (n_ξ,)."""
        if self.lower is None or self.upper is None:
            raise InputError("both ends are needed", where="Box", fix="give lower=… and upper=…")
        lower = outcome_vector(self.lower, uncertain, "Box lower")
        upper = outcome_vector(self.upper, uncertain, "Box upper")
        middle = (lower + upper) / 2 if self.nominal is None else self.nominal
        nominal = outcome_vector(middle, uncertain, "Box nominal")
        tolerance = 1e-9 * (1 + np.abs(nominal))
        for low, high, what in (
            (lower, upper, "the lower end must not exceed the upper end"),
            (lower, nominal + tolerance, "the nominal outcome lies below the box"),
            (nominal - tolerance, upper, "the nominal outcome lies above the box"),
        ):
            if (low > high).any():
                j = int(np.argmax(low > high))
                raise InputError(what, where=f"Box, {uncertain.describe(j)}", got=(low[j], high[j]))
        if self.budget is not None and self.budget < 0:
            raise InputError("the budget must not be negative", where="Box", got=self.budget)
        return replace(self, lower=lower, upper=upper, nominal=np.clip(nominal, lower, upper))

    @property
    def extremes(self) -> tuple[Vector, Vector]:
        """Ends of the box."""
        return self.lower, self.upper
