"""A model of day-ahead wind forecast errors, because SimBench has profiles but no forecasts.

Per unit of capacity, with the measured profile w and its centred moving mean m:

    forecast  f = clip(m + s σ(m) a, 0, 1)          what a weather model sees, and misses
    σ(f)        = max(2 √(f (1 - f)), σ_least)      errors are largest at half load
    a_t         = φ a_{t-1} + √(1 - φ²) ε_t         ε normal, correlated between units
    z           = (w - f) / σ(f)                    standardised error of a historic day
    sample      = clip(f* + σ(f*) z, 0, 1)          for the scheduled day with forecast f*

The shape σ(f) follows H. Bludszuweit, J. A. Domínguez-Navarro, A. Llombart, "Statistical analysis
of wind power forecast error", IEEE Trans. Power Systems 23(3), 2008; scenarios by a Gaussian
process with exponential memory follow P. Pinson, H. Madsen, H. Aa. Nielsen, G. Papaefthymiou,
B. Klöckl, "From probabilistic forecasts to statistical scenarios of short-term wind power
production", Wind Energy 12(1), 2009. Day-ahead errors of single wind farms have a standard
deviation of roughly 10–20 % of capacity: G. Giebel, R. Brownsword, G. Kariniotakis, M. Denhard,
C. Draxl, "The state of the art in short-term prediction of wind power", ANEMOS.plus, 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ForecastErrorModel:
    """Parameters of the error model; all per unit of capacity.

    Attributes
    ----------
    scale : float
        s, the standard deviation of the synoptic error at half load.
    memory : float
        φ, correlation of the synoptic error between one hour and the next.
    unit_correlation : float
        Correlation of the synoptic error between units of one network.
    least_shape : float
        σ_least, so that errors exist at calm and at full power too.
    smoothing_hours : int
        Width of the moving mean, odd.
    """

    scale: float = 0.14
    memory: float = 0.8
    unit_correlation: float = 0.3
    least_shape: float = 0.5
    smoothing_hours: int = 5

    def shape(self, forecast: Array) -> Array:
        """σ(f), 1 at half load."""
        inside = np.clip(forecast, 0.0, 1.0)
        return np.maximum(2.0 * np.sqrt(inside * (1.0 - inside)), self.least_shape)

    def smooth(self, profile: Array) -> Array:
        """Centred moving mean over the last axis, shorter at the ends."""
        window = np.ones(self.smoothing_hours)
        count = np.convolve(np.ones(profile.shape[-1]), window, "same")
        rows = profile.reshape(-1, profile.shape[-1])
        return np.array([np.convolve(row, window, "same") / count for row in rows]).reshape(
            profile.shape
        )

    def standardised_errors(self, profiles: Array, rng: np.random.Generator) -> Array:
        """Standardised errors z of every hour.

        Parameters
        ----------
        profiles : ndarray (unit, hours)
            Measured power per unit of capacity, consecutive hours.
        rng : numpy.random.Generator
            Source of the synoptic errors.

        Returns
        -------
        ndarray (unit, hours)
        """
        mean = self.smooth(profiles)
        noise = self._synoptic(profiles.shape, rng)
        forecast = np.clip(mean + self.scale * self.shape(mean) * noise, 0.0, 1.0)
        return (profiles - forecast) / self.shape(forecast)

    def apply(self, forecast: Array, standardised: Array) -> Array:
        """Make samples (day, unit, time) from `forecast` (unit, time) and day-wise errors."""
        return np.clip(forecast + self.shape(forecast) * standardised, 0.0, 1.0)

    def _synoptic(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Gaussian process with unit variance, memory φ in time, correlated between units."""
        units, hours = shape
        own = rng.standard_normal((units, hours))
        common = rng.standard_normal(hours)
        steps = np.sqrt(1.0 - self.unit_correlation) * own + np.sqrt(self.unit_correlation) * common
        innovation = np.sqrt(1.0 - self.memory**2) * steps
        innovation[:, 0] = steps[:, 0]
        rows = [
            accumulate(row, lambda last, new: self.memory * last + new)
            for row in innovation.tolist()
        ]
        return np.array([list(row) for row in rows])
