from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mutualseg.suggesting.uncertainty import disagreement, entropy, total_uncertainty, weighted_mean


def pixel(*probabilities: float) -> Tensor:
    """Return the probabilities of one pixel, [K,1,1]."""
    return torch.tensor(probabilities).view(-1, 1, 1)


def test_entropy_of_hand_values() -> None:
    assert float(entropy(pixel(1.0, 0.0))) == 0.0
    assert float(entropy(pixel(0.5, 0.5))) == pytest.approx(math.log(2))
    assert float(entropy(pixel(0.25, 0.25, 0.25, 0.25))) == pytest.approx(math.log(4))


def test_sure_of_different_classes_is_one_and_agreement_zero_however_unsure() -> None:
    assert float(disagreement(pixel(1.0, 0.0, 0.0), pixel(0.0, 0.0, 1.0))) == pytest.approx(1.0)
    assert float(disagreement(pixel(0.4, 0.6), pixel(0.4, 0.6))) == pytest.approx(0.0, abs=1e-6)


def test_disagreement_of_a_hand_value() -> None:
    # Mean (0.5, 0.5): 1 bit; each opinion (0.9, 0.1) has 0.468996 bits.
    assert float(disagreement(pixel(0.9, 0.1), pixel(0.1, 0.9))) == pytest.approx(1 - 0.468996, abs=1e-5)


def test_disagreement_is_symmetric_and_between_zero_and_one() -> None:
    one, other = torch.randn(2, 5, 6, 7).mul(4).softmax(1)
    found = disagreement(one, other)
    assert found.shape == (6, 7)
    assert torch.allclose(found, disagreement(other, one), atol=1e-6)
    assert found.min() >= 0
    assert found.max() <= 1


def test_total_uncertainty_is_mean_entropy_and_disagreement() -> None:
    one, other = torch.randn(2, 4, 3, 5).mul(2).softmax(1)
    mean = (entropy(one) + entropy(other)) / 2
    expected = (mean + math.log(2) * disagreement(one, other)) / math.log(4)
    assert torch.allclose(total_uncertainty(one, other), expected, atol=1e-5)


def test_weighted_mean_counts_a_pixel_by_its_expected_class() -> None:
    probabilities = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])  # the first pixel is of class 0, the second 1
    values = torch.tensor([[0.5, 0.25]])
    assert float(weighted_mean(values, probabilities, torch.tensor([1.0, 10.0]))) == pytest.approx(
        (0.5 * 1 + 0.25 * 10) / 2
    )
