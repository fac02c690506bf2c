"""Cost curves of units as points (MW, $/h) from least to largest power."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def polynomial_points(
    coefficients: Iterable[float], power_min: float, power_max: float, segments: int
) -> tuple[tuple[float, float], ...]:
    """Sample a cost polynomial (highest power first, $/h of MW) at equally spaced powers."""
    powers = np.linspace(power_min, power_max, segments + 1)
    costs = np.polyval(np.asarray(list(coefficients), dtype=float), powers)
    return tuple(zip(powers.tolist(), costs.tolist(), strict=True))


def piecewise_points(
    points: Iterable[tuple[float, float]], power_min: float, power_max: float
) -> tuple[tuple[float, float], ...]:
    """Cut a piecewise-linear cost to [power_min, power_max]; its end slopes go on beyond it."""
    known = np.asarray(sorted(points), dtype=float)
    kinks = known[1:-1, 0]
    inner = kinks[(kinks > power_min) & (kinks < power_max)]
    powers = np.array([power_min, *inner, power_max])
    slopes = np.diff(known[:, 1]) / np.diff(known[:, 0])
    piece = np.clip(np.searchsorted(known[:, 0], powers, "right") - 1, 0, len(slopes) - 1)
    costs = known[piece, 1] + slopes[piece] * (powers - known[piece, 0])
    return tuple(zip(powers.tolist(), costs.tolist(), strict=True))
