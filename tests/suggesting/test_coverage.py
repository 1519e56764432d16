from __future__ import annotations

import numpy as np
import pytest

from mutualseg.suggesting.coverage import (
    coverage_gains,
    reach,
    similarity,
    squared_distances,
    standardized,
)


def test_distances_are_those_of_a_slow_reference() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    expected = ((one[:, None] - other[None]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(one, other), expected, rtol=1e-4, atol=1e-5)


def test_standardized_features_have_mean_zero_and_length_one_in_the_mean() -> None:
    features = np.random.default_rng(2).normal(3, 5, (50, 8)).astype(np.float32)
    found = standardized(features)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    assert float((found**2).sum(1).mean()) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(found, standardized(1000 * features), atol=1e-4)
    np.testing.assert_array_equal(standardized(np.ones((3, 2), np.float32)), 0)


def test_reach_is_the_distance_to_the_nearest_where_half_are_chosen() -> None:
    places = np.array([[0.0], [1.0], [10.0], [11.0]], np.float32)
    distances = squared_distances(places, places)
    assert reach(distances, 4) == pytest.approx(1)  # each stands for itself and its neighbor
    assert reach(distances, 2) > 50  # the second nearest is in the other pair
    assert reach(distances[:1, :1], 3) == 1.0
    assert reach(np.zeros((3, 3), np.float32), 1) == 1.0


def test_similarity_falls_from_one() -> None:
    np.testing.assert_allclose(similarity(np.array([0.0, 2.0], np.float32), 2.0), [1, np.exp(-1)], rtol=1e-6)


def test_coverage_gains_of_hand_values() -> None:
    similarities = np.array([[1.0, 0.5], [0.5, 1.0]], np.float32)
    covered, weights = np.array([0.0, 0.75], np.float32), np.array([2.0, 4.0], np.float32)
    # The first adds 2 x 1 and nothing to the second, which is covered better; the other 2 x 0.5 + 4 x 0.25.
    np.testing.assert_allclose(coverage_gains(similarities, covered, weights), [2.0, 2.0])
