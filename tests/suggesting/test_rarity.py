from __future__ import annotations

import math

import numpy as np
import pytest

from mutualseg.suggesting.rarity import PRIOR, class_gains, class_weights, rare_classes


def test_a_hundredth_of_the_pixels_weighs_ten_times_as_much() -> None:
    weights = class_weights(np.array([100, 1]) / 101)
    assert weights[1] / weights[0] == pytest.approx(10)


def test_weights_average_to_one_over_labeled_pixels() -> None:
    shares = np.array([0.7, 0.25, 0.05])
    assert float((shares * class_weights(shares)).sum()) == pytest.approx(1)
    np.testing.assert_allclose(class_weights(np.full(4, 0.25)), 1)


def test_a_class_without_labels_weighs_finitely_and_most() -> None:
    weights = class_weights(np.array([0.9, 0.1, 0.0]))
    assert np.isfinite(weights).all()
    assert weights.argmax() == 2


def test_gains_of_hand_values() -> None:
    held = np.array([2.0, 0.0])
    added = np.array([[0.5, 0.0], [0.0, 0.1]])
    np.testing.assert_allclose(
        class_gains(held, added), [math.log(1 + 0.5 / (2 + PRIOR)), math.log(1 + 0.1 / PRIOR)]
    )


def test_what_was_added_makes_the_same_again_worth_less() -> None:
    held, image = np.array([1.0, 0.02]), np.array([[0.5, 0.3]])
    first = float(class_gains(held, image)[0])
    again = float(class_gains(held + image[0], image)[0])
    both = float(class_gains(held, 2 * image)[0])
    assert again < first
    assert first + again == pytest.approx(both)  # what a sum over classes of ln M gains, however it is added


def test_rare_classes_are_named_rarest_first_with_their_predicted_share() -> None:
    shares = np.array([0.9, 0.06, 0.03, 0.01, 0.0])  # an even share is 0.2, of which a quarter is 0.05
    predicted = np.zeros((10, 100), np.uint8)
    predicted[0, :20], predicted[1, :40], predicted[2, :60] = 3, 2, 1
    names = ("road", "car", "sign", "pole", "bike")
    assert rare_classes(predicted, shares, names) == (("pole", 0.02), ("sign", 0.04))
