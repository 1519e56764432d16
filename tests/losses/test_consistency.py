from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mutualseg.losses.consistency import PseudoLabels, probability_distance, pseudo_label_loss, pseudo_labels


def logits_of(*rows: tuple[float, ...]) -> Tensor:
    """One image of one row of pixels, one tuple of class probabilities each."""
    return torch.tensor(rows, dtype=torch.float64).log().T.reshape(1, len(rows[0]), 1, len(rows))


ALL = torch.ones(1, 1, 2, dtype=torch.bool)


def test_pseudo_labels_are_kept_from_the_threshold_on() -> None:
    logits = logits_of((0.95, 0.05), (0.3, 0.7)).requires_grad_()
    taught = pseudo_labels(logits, 0.95 - 1e-12)
    assert taught.labels.tolist() == [[[0, 1]]]
    assert taught.keep.tolist() == [[[True, False]]]
    assert not taught.labels.requires_grad
    assert pseudo_labels(logits, 0.0).keep.all()


def test_pseudo_label_loss_by_hand() -> None:
    """FixMatch's: what is not kept adds nothing and stays in the divisor."""
    logits = logits_of((0.5, 0.5), (0.2, 0.8))
    labels = torch.tensor([[[0, 1]]])
    kept = PseudoLabels(labels, torch.tensor([[[True, False]]]))
    both = PseudoLabels(labels, ALL)
    assert pseudo_label_loss(logits, kept, ALL).item() == pytest.approx(-math.log(0.5) / 2)
    assert pseudo_label_loss(logits, both, ALL).item() == pytest.approx(-(math.log(0.5) + math.log(0.8)) / 2)
    padded = torch.tensor([[[True, False]]])
    assert pseudo_label_loss(logits, both, padded).item() == pytest.approx(-math.log(0.5))


def test_pseudo_label_loss_of_nothing_is_zero_with_a_gradient() -> None:
    logits = logits_of((0.5, 0.5), (0.2, 0.8)).requires_grad_()
    loss = pseudo_label_loss(logits, pseudo_labels(logits, 1.0), ~ALL)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_probability_distance_by_hand() -> None:
    """(0.5 - 0.9)^2 + (0.5 - 0.1)^2 = 0.32 and (0.2 - 0.4)^2 + (0.8 - 0.6)^2 = 0.08; one of two is sure."""
    student, teacher = logits_of((0.5, 0.5), (0.2, 0.8)), logits_of((0.9, 0.1), (0.4, 0.6))
    assert probability_distance(student, teacher, ALL, 0.0).item() == pytest.approx(0.2)
    assert probability_distance(student, teacher, ALL, 0.8).item() == pytest.approx(0.1)
    assert probability_distance(student, teacher, ALL, 0.95).item() == 0
    first = torch.tensor([[[True, False]]])
    assert probability_distance(student, teacher, first, 0.8).item() == pytest.approx(0.32)


def test_probability_distance_draws_the_student_alone() -> None:
    student, teacher = (torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    valid = torch.rand(2, 4, 4) < 0.7
    probability_distance(student, teacher, valid, 0.4).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert torch.equal(student.grad.abs().sum(1) > 0, valid)
    assert torch.autograd.gradcheck(
        lambda z: probability_distance(z, teacher.detach(), valid, 0.4), (student,)
    )


def test_half_precision_is_computed_in_float32() -> None:
    logits = torch.randn(1, 3, 2, 2).bfloat16()
    valid = torch.ones(1, 2, 2, dtype=torch.bool)
    assert probability_distance(logits, logits, valid, 0.0).dtype == torch.float32
    assert pseudo_label_loss(logits, pseudo_labels(logits, 0.0), valid).dtype == torch.float32
