"""The distillation term against hand values, a slow reference, and what must not change it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mutualseg.losses.soft_targets import mean_opinion, soft_target_loss, surest


def pixels(*probabilities: tuple[float, ...]) -> Tensor:
    """Return log probabilities [1,K,1,N] of pixels in a row."""
    return torch.tensor(probabilities, dtype=torch.float64).log().T[None, :, None]


def everywhere(opinion: Tensor) -> Tensor:
    return torch.ones(opinion[:, 0].shape, dtype=torch.bool)


def test_hand_value() -> None:
    said, student = pixels((0.5, 0.5), (0.9, 0.1)), pixels((0.25, 0.75), (0.9, 0.1))
    # KL((.5,.5) || (.25,.75)) = .5 log 2 + .5 log(2/3) = .5 log(4/3); the second pixel agrees.
    expected = 0.5 * math.log(4 / 3) / 2
    assert float(soft_target_loss(student, said, everywhere(said))) == pytest.approx(expected, rel=1e-9)


def test_hand_value_at_a_temperature() -> None:
    said, student = pixels((0.8, 0.2)), pixels((0.5, 0.5))
    # At T = 2 the targets are the square roots: 2/3 and 1/3.
    divergence = 2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3)
    found = soft_target_loss(student, said, everywhere(said), temperature=2.0)
    assert float(found) == pytest.approx(4 * divergence, rel=1e-9)


def test_mean_opinion_is_the_mean_of_probabilities_and_not_of_logits() -> None:
    one, two = pixels((0.9, 0.1)), pixels((0.5, 0.5)) + 7.0  # logits may be shifted
    found = mean_opinion([one, two], (1, 1))
    torch.testing.assert_close(found.exp(), pixels((0.7, 0.3)).exp())
    torch.testing.assert_close(mean_opinion([two], (1, 1)).exp(), pixels((0.5, 0.5)).exp())
    with pytest.raises(ValueError, match="3 networks"):
        mean_opinion([one] * 3, (1, 1))


def test_opinions_of_other_grids_are_resized() -> None:
    coarse = torch.randn(2, 3, 4, 6)
    fine = mean_opinion([torch.randn(2, 3, 8, 12), coarse], (8, 12))
    assert fine.shape == (2, 3, 8, 12)
    torch.testing.assert_close(fine.exp().sum(1), torch.ones(2, 8, 12))


def test_gradient_is_that_of_the_cross_entropy_and_reaches_the_student_alone() -> None:
    student = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    said = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    valid = torch.rand(2, 3, 5) < 0.8
    soft_target_loss(student, said, valid, temperature=3.0).backward()
    assert said.grad is None
    targets = (said.detach() / 3).softmax(1)
    # d/dz of T^2 KL(q_T || softmax(z / T)) is T (p - q) at each pixel.
    expected = 3 * ((student.detach() / 3).softmax(1) - targets) * valid[:, None] / valid.sum()
    torch.testing.assert_close(student.grad, expected)


def test_only_sure_valid_pixels_teach_and_all_valid_ones_count() -> None:
    said, student = pixels((0.95, 0.05), (0.6, 0.4), (0.99, 0.01)), pixels(*[(0.5, 0.5)] * 3)
    valid = torch.tensor([[[True, True, False]]])
    sure = surest(said) >= 0.9
    assert sure.tolist() == [[[True, False, True]]]
    alone = soft_target_loss(student[..., :1], said[..., :1], valid[..., :1])
    torch.testing.assert_close(soft_target_loss(student, said, valid, sure=sure), alone / 2)


def test_zero_where_the_student_agrees_and_with_nothing_valid() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    agreeing = soft_target_loss(logits, logits.detach().log_softmax(1), everywhere(logits), temperature=2.0)
    torch.testing.assert_close(agreeing, torch.zeros(()), atol=1e-6, rtol=0)
    nothing = soft_target_loss(logits, torch.randn(1, 3, 2, 2), ~everywhere(logits))
    nothing.backward()
    assert nothing.item() == 0.0
