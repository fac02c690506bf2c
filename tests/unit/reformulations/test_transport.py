"""Radii beyond the diameter of the support."""

import numpy as np
import pytest

import ambigrid as ag
from ambigrid.labels import plain_labels
from ambigrid.reformulations import reformulate

SAMPLES = np.array([[1.0, 2.0], [4.0, 3.0], [2.0, 6.0]])


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("support", ["samples", "box"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_price_of_a_huge_radius_is_that_of_the_diameter(norm, support, scale):
    ball = ag.Wasserstein(SAMPLES, radius=1e9, norm=norm, support=support, scale=scale)
    cost = reformulate(ball.checked(plain_labels("demand", 2))).static().cost[0]
    pairs = {("samples", 1): 5.0, ("samples", "inf"): 4.0, ("box", 1): 7.0, ("box", "inf"): 4.0}
    assert cost == pytest.approx(pairs[support, norm] / scale)


def test_a_smaller_radius_is_kept():
    ball = ag.Wasserstein(SAMPLES, radius=3.0).checked(plain_labels("demand", 2))
    assert reformulate(ball).static().cost[0] == 3.0
