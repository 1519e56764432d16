"""Thresholds per class: hand values, and what must not move them."""

from __future__ import annotations

import pytest
import torch

from mutualseg.losses.class_confidence import ClassConfidence


def test_mean_moves_by_hand_values_and_only_for_classes_in_the_batch() -> None:
    means = ClassConfidence(3, momentum=0.5)
    confidence = torch.tensor([[[0.8, 0.6], [0.5, 0.9]]])
    labels = torch.tensor([[[0, 0], [1, 1]]])
    means.update(confidence, labels, torch.ones(1, 2, 2, dtype=torch.bool))
    # class 0: mean 0.7, halfway from 1; class 1: mean 0.7; class 2 is not there
    torch.testing.assert_close(means.mean, torch.tensor([0.85, 0.85, 1.0]))


def test_invalid_pixels_do_not_count() -> None:
    means = ClassConfidence(2, momentum=0.0)
    confidence = torch.tensor([[[0.4, float("nan")]]])
    labels = torch.tensor([[[0, 0]]])
    means.update(confidence, labels, torch.tensor([[[True, False]]]))
    torch.testing.assert_close(means.mean, torch.tensor([0.4, 1.0]))


def test_fresh_thresholds_are_the_plain_one() -> None:
    torch.testing.assert_close(ClassConfidence(4).thresholds(0.9), torch.full((4,), 0.9))


def test_surest_class_keeps_the_threshold_and_the_others_get_lower_ones() -> None:
    means = ClassConfidence(3)
    means.mean.copy_(torch.tensor([0.98, 0.49, 0.735]))
    torch.testing.assert_close(means.thresholds(0.9), torch.tensor([0.9, 0.45, 0.675]))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_state_is_saved_and_carries_no_gradient(kind: torch.dtype) -> None:
    means = ClassConfidence(2)
    confidence = torch.full((1, 1, 2), 0.5, dtype=kind, requires_grad=True)
    means.update(confidence, torch.tensor([[[0, 1]]]), torch.ones(1, 1, 2, dtype=torch.bool))
    assert set(means.state_dict()) == {"mean"}
    assert not means.mean.requires_grad
    assert not list(means.parameters())
