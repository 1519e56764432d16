from __future__ import annotations

import math

import pytest
import torch

from mutualseg.losses.pseudo_label import confidence, disagreement, hard_labels, keep_confident, share_kept


def logits_of(*rows: tuple[float, ...]) -> torch.Tensor:
    """One image of one row of pixels, one tuple of class probabilities each."""
    return torch.tensor(rows).log().T.reshape(1, len(rows[0]), 1, len(rows))


def test_labels_and_confidence() -> None:
    logits = logits_of((0.2, 0.8), (0.9, 0.1)).requires_grad_()
    labels, sure = hard_labels(logits), confidence(logits)
    assert labels.tolist() == [[[1, 0]]]
    torch.testing.assert_close(sure, torch.tensor([[[0.8, 0.9]]]))
    assert not labels.requires_grad
    assert not sure.requires_grad


def test_confidence_is_float32_and_survives_large_logits() -> None:
    sure = confidence(torch.tensor([1e4, 0.0]).view(1, 2, 1, 1).bfloat16())
    assert sure.dtype == torch.float32
    assert sure.item() == 1
    assert confidence(torch.full((1, 4, 1, 1), -1e4)).item() == pytest.approx(0.25)


def test_adding_a_constant_changes_nothing() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3, 3, dtype=torch.float64)
    shifted = logits + torch.randn(2, 1, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(confidence(shifted), confidence(logits))
    assert torch.equal(hard_labels(shifted), hard_labels(logits))


def test_thresholds() -> None:
    sure = torch.tensor([[[0.5, 0.9, 0.9]]])
    labels = torch.tensor([[[0, 0, 1]]])
    assert keep_confident(sure, 0.9).tolist() == [[[False, True, True]]]
    per_class = torch.tensor([0.4, 0.95])
    assert keep_confident(sure, per_class, labels).tolist() == [[[True, True, False]]]
    assert keep_confident(sure, torch.tensor(0.6)).tolist() == [[[False, True, True]]]
    with pytest.raises(ValueError, match="labels"):
        keep_confident(sure, per_class)


def test_shares() -> None:
    keep = torch.tensor([[[True, False, False, False]]])
    valid = torch.tensor([[[True, True, False, False]]])
    assert share_kept(keep).item() == 0.25
    assert share_kept(keep, valid).item() == 0.5
    assert share_kept(keep, torch.zeros_like(valid)).item() == 0
    a, b = torch.tensor([[[0, 1, 2, 3]]]), torch.tensor([[[0, 2, 2, 1]]])
    assert disagreement(a, b).item() == 0.5
    assert disagreement(a, b, valid).item() == 0.5
    assert disagreement(a, a).item() == 0
    assert math.isfinite(disagreement(a, b, torch.zeros_like(valid)).item())
