from __future__ import annotations

import torch
from torch.nn import functional as F

from mutualseg.losses.resize import resize_branch, resize_labels
from mutualseg.losses.semantic_augmentation import ClassStatistics
from mutualseg.types import BranchOutput


def test_half_of_an_even_grid_averages_squares() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 6, requires_grad=True)
    features = torch.randn(2, 5, 4, 6, requires_grad=True)
    branch = BranchOutput(logits, features, torch.ones(3, 5), ClassStatistics(3, 5))
    half = resize_branch(branch, 0.5)
    torch.testing.assert_close(half.logits, F.avg_pool2d(logits, 2))
    torch.testing.assert_close(half.features, F.avg_pool2d(features, 2))
    assert half.logits.requires_grad
    assert not half.features.requires_grad
    assert half.statistics is branch.statistics
    assert resize_branch(branch, 1.0) is branch
    assert resize_branch(branch._replace(logits=logits.bfloat16()), 0.5).logits.dtype == torch.float32


def test_labels_keep_their_type_and_values() -> None:
    labels = torch.tensor([[[0, 1, 2, 3], [4, 5, 6, 7], [255, 9, 10, 11], [12, 13, 14, 15]]])
    assert resize_labels(labels, (2, 2)).tolist() == [[[0, 2], [255, 10]]]
    assert resize_labels(labels, (2, 2)).dtype == torch.int64
    assert resize_labels(labels < 5, (2, 2)).tolist() == [[[True, True], [False, False]]]
