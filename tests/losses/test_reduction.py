from __future__ import annotations

import math

import pytest
import torch

from mutualseg.losses.reduction import masked_mean, process_count, valid_per_process


def test_hand_value() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    valid = torch.tensor([True, False, True, True])
    assert masked_mean(values, valid).item() == pytest.approx(8 / 3)


def test_weight_scales_the_sum_and_not_the_divisor() -> None:
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    valid = torch.tensor([True, False, True, True])
    keep = torch.tensor([True, True, False, True])
    assert masked_mean(values, valid, weight=keep).item() == pytest.approx(5 / 3)
    assert masked_mean(values, valid, weight=keep * 0.5).item() == pytest.approx(2.5 / 3)


def test_nothing_valid_is_zero_with_a_graph() -> None:
    values = torch.tensor([math.nan, 1.0], requires_grad=True)
    mean = masked_mean(values, torch.zeros(2, dtype=torch.bool))
    torch.autograd.backward(mean)
    assert mean.item() == 0
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0]


def test_gradient_is_one_over_the_valid_count() -> None:
    values = torch.arange(4.0, requires_grad=True)
    torch.autograd.backward(masked_mean(values, torch.tensor([True, True, False, False])))
    assert values.grad is not None
    assert values.grad.tolist() == [0.5, 0.5, 0, 0]


def test_one_process_counts_its_own_pixels() -> None:
    assert process_count() == 1
    assert valid_per_process(torch.ones(3, 5, dtype=torch.bool)).item() == 15


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        masked_mean(torch.ones(3), torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="weight"):
        masked_mean(torch.ones(3), torch.ones(3, dtype=torch.bool), weight=torch.ones(1))
