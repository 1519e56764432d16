from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from mutualseg.losses.supervised import SupervisedLoss

supervised_loss = SupervisedLoss()


def test_hand_value() -> None:
    logits = torch.tensor([math.log(3.0), 0.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    masks = torch.tensor([[[0, 1], [255, 0]]])
    expected = (2 * math.log(4 / 3) + math.log(4)) / 3
    assert supervised_loss(logits, masks).item() == pytest.approx(expected)


def test_equals_torch_on_the_upsampled_logits() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, requires_grad=True)
    masks = torch.randint(0, 5, (2, 24, 28))
    masks[:, :5] = 255
    loss = supervised_loss(logits, masks)
    upsampled = F.interpolate(logits, size=(24, 28), mode="bilinear", align_corners=False)
    expected = F.cross_entropy(upsampled, masks, ignore_index=255)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss, logits)[0], torch.autograd.grad(expected, logits)[0], atol=1e-7, rtol=1e-5
    )


def test_ignored_pixels_change_nothing() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4)
    masks = torch.randint(0, 3, (2, 4, 4))
    masks[1] = 255
    changed = logits.clone()
    changed[1] = 1e4 * torch.randn(3, 4, 4)
    torch.testing.assert_close(supervised_loss(logits, masks), supervised_loss(changed, masks))


def test_only_ignored_pixels_are_zero_with_a_graph() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = supervised_loss(logits, torch.full((1, 4, 4), 255))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_float32_under_autocast() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 4, 4).bfloat16()
    masks = torch.randint(0, 4, (1, 8, 8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = supervised_loss(logits, masks)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, supervised_loss(logits.float(), masks))


def test_gradcheck() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    masks = torch.tensor([[[0, 1, 2], [255, 2, 1], [0, 0, 255]]])
    assert torch.autograd.gradcheck(lambda z: supervised_loss(z, masks), logits)


def test_misfits_are_refused() -> None:
    with pytest.raises(ValueError, match="one per image"):
        supervised_loss(torch.zeros(1, 2, 2, 2), torch.zeros(2, 2, 2, dtype=torch.int64))
