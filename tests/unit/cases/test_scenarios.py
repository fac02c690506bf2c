"""Forecast errors and the reduction of scenarios."""

import numpy as np
import pytest

from ambigrid.cases.forecast_errors import ForecastErrorModel
from ambigrid.cases.scenarios import medoids


def test_medoids_of_well_separated_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    sizes = (10, 30, 60)
    samples = np.concatenate(
        [c + 0.1 * rng.standard_normal((n, 2)) for c, n in zip(centres, sizes, strict=True)]
    )
    chosen, weight = medoids(samples, 3, np.random.default_rng(1))
    assert weight == pytest.approx([0.1, 0.3, 0.6])
    assert np.abs(samples[chosen] - centres).max() < 0.2


def test_as_many_medoids_as_samples():
    samples = np.arange(6.0)[:, None, None] ** 2
    chosen, weight = medoids(samples, 6, np.random.default_rng(0))
    assert list(chosen) == list(range(6))
    assert weight == pytest.approx(np.full(6, 1 / 6))


def test_medoids_of_equal_samples():
    chosen, weight = medoids(np.ones((5, 3)), 3, np.random.default_rng(0))
    assert len(chosen) == 3
    assert weight.sum() == pytest.approx(1.0)


def test_errors_have_the_stated_size_and_memory():
    model = ForecastErrorModel(scale=0.1, memory=0.8, unit_correlation=0.5, least_shape=1.0)
    flat = np.full((3, 20_000), 0.5)
    errors = model.standardised_errors(flat, np.random.default_rng(0))
    assert errors.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(errors[0, 1:], errors[0, :-1])[0, 1] == pytest.approx(0.8, abs=0.03)
    assert np.corrcoef(errors)[0, 1] == pytest.approx(0.5, abs=0.06)


def test_samples_are_forecast_plus_error_within_the_capacity():
    model = ForecastErrorModel()
    forecast = np.array([[0.5, 0.95, 0.02]])
    samples = model.apply(forecast, np.array([[[0.1, 0.5, -0.5]], [[0.0, 0.0, 0.0]]]))
    assert samples[0, 0] == pytest.approx([0.6, 1.0, 0.0])
    assert samples[1, 0] == pytest.approx(forecast[0])
