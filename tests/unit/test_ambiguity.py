"""Ambiguity sets say what is wrong with their parameters, in one sentence."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ambigrid as ag
from ambigrid.labels import LabelBlock, Labels

UNITS, HOURS = ["W1", "W2"], pd.RangeIndex(3, name="time")
TEMPLATE = xr.DataArray(
    np.arange(6).reshape(2, 3), {"unit": UNITS, "time": HOURS}, ("unit", "time"), "renewable"
)
UNCERTAIN = Labels((LabelBlock("renewable", TEMPLATE),), 6)
GOOD = xr.DataArray(
    np.arange(24.0).reshape(4, 2, 3),
    {"unit": UNITS, "time": HOURS},
    ("scenario", "unit", "time"),
)


def with_nan():
    bad = GOOD.copy(deep=True)
    bad[2, 1, 0] = np.nan
    return bad


@pytest.mark.parametrize(
    ("ambiguity", "sentence"),
    [
        (ag.Wasserstein(GOOD, radius=-1.0), "Wasserstein: the radius must be a number of at"),
        (ag.Wasserstein(GOOD, radius=np.nan), "the radius must be a number of at least 0; got nan"),
        (ag.Wasserstein(GOOD, radius={"a": 1.0}), "there is no radius for agent"),
        (ag.Wasserstein(GOOD, norm=2), r'unknown norm; got 2. Use 1 or "inf"'),
        (ag.Wasserstein(GOOD, support="line"), "unknown support; got line"),
        (ag.Wasserstein(GOOD, scale=0.0), "the scale must be positive; got 0.0"),
        (ag.Wasserstein(), "Wasserstein: samples are needed. Give samples="),
        (ag.Wasserstein(GOOD, support="box", upper=5.0), "scenario 1 lies outside the box"),
        (ag.Wasserstein(GOOD, distances=np.ones((4, 4))), "a diagonal of zeros"),
        (
            ag.Wasserstein(GOOD, distances=np.zeros((4, 4)), support="box"),
            "distances go with support samples only",
        ),
        (ag.Empirical(with_nan()), r"scenario 2, renewable\[unit=W2, time=0\]; got nan"),
        (ag.Empirical(GOOD[:0]), "Empirical samples: there is no scenario"),
        (ag.Empirical(GOOD.isel(unit=[0])), "the samples have other labels along 'unit'"),
        (ag.Empirical(GOOD.assign_coords(unit=["W2", "W1"])), "other labels along 'unit'"),
        (ag.Empirical(GOOD.isel(time=0)), "the samples have other dims"),
        (ag.Empirical(np.ones((4, 5))), "an outcome must have 6 values, one per uncertain"),
        (ag.Empirical(GOOD, [0.5, 0.5]), "there must be 4 weights; got 2"),
        (ag.Empirical(GOOD, [0.5, 0.6, -0.1, 0.0]), "weights must not be negative; got -0.1"),
        (ag.Empirical(GOOD, [0.5, 0.5, 0.5, 0.5]), "weights must sum to one; got 2.0"),
        (ag.Empirical(GOOD, [np.nan, 0.5, 0.5, 0.0]), "weights must not be negative"),
        (ag.Empirical({"wind": GOOD}), "there are no samples of 'renewable'"),
        (ag.Empirical(), "Empirical: samples are needed"),
        (ag.Nominal(), "Nominal: a point is needed"),
        (ag.Nominal(np.inf), "outcomes must be numbers"),
        (ag.Box(1.0), "both ends are needed"),
        (ag.Box(2.0, 1.0), r"Box, renewable\[unit=W1, time=0\]: the lower end must not exceed"),
        (ag.Box(0.0, 1.0, nominal=2.0), "the nominal outcome lies above the box"),
        (ag.Box(0.0, 1.0, nominal=-2.0), "the nominal outcome lies below the box"),
        (ag.Box(0.0, 1.0, budget=-1), "the budget must not be negative; got -1"),
    ],
)
def test_sentences(ambiguity, sentence):
    with pytest.raises(ag.InputError, match=sentence):
        ambiguity.checked(UNCERTAIN)


def test_order_of_dims_does_not_matter():
    turned = ag.Empirical(GOOD.transpose("time", "scenario", "unit")).checked(UNCERTAIN)
    plain = ag.Empirical(GOOD).checked(UNCERTAIN)
    assert (turned.samples == plain.samples).all()
    assert plain.samples[1].tolist() == [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_masked_elements_of_the_uncertain_variable_are_left_out():
    masked = TEMPLATE.copy(data=[[0, -1, 1], [-1, 2, 3]])
    checked = ag.Empirical(GOOD).checked(Labels((LabelBlock("renewable", masked),), 4))
    assert checked.samples[0].tolist() == [0.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize(("norm", "expected"), [(1, 6.0), ("inf", 3.0)])
def test_distance_of_each_norm_after_scaling(norm, expected):
    ball = ag.Wasserstein(GOOD, norm=norm, scale=2.0).checked(UNCERTAIN)
    assert ball.distance(np.array([6.0, 0.0, -4.0, 2.0, 0.0, 0.0])) == pytest.approx(expected)


def test_a_study_fills_what_is_missing():
    weights = xr.DataArray([0.1, 0.2, 0.3, 0.4], dims="scenario")
    agent = ("distribution_1", "distribution")
    ball = ag.Wasserstein(radius={"transmission": 10.0, "distribution": 1.0})
    filled = ball.filled(GOOD, weights, agent).checked(UNCERTAIN)
    assert filled.radius == 1.0
    assert filled.weights == pytest.approx(weights.to_numpy())
    box = ag.Box().filled(GOOD, weights, agent).checked(UNCERTAIN)
    assert box.lower == pytest.approx(np.arange(6.0))
    assert box.upper == pytest.approx(np.arange(18.0, 24.0))
    nominal = ag.Nominal().filled(GOOD, weights, agent).checked(UNCERTAIN)
    assert nominal.point == pytest.approx(np.arange(6.0) + 12.0)
