"""Weights per class that let the labels of rare classes teach as loudly as those of common ones.

Pseudo-labels shift a student towards what the unlabeled images hold much of: where it wavers between a
common class and a rare one, thousands of pixels pull one way and few the other. Weighting a label by a
power of its class's share counters that, as class-balanced losses do for labels (Cui et al., CVPR 2019,
arXiv 1901.05555) and re-distributed pseudo-labels for self-training (He et al., ICCV 2021, arXiv
2107.11279).
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from mutualseg.losses.reduction import process_count

LEAST_SHARE = 1e-3
"""A class that is rarer than one pixel in a thousand weighs no more than this one would."""


class ClassShares(nn.Module):
    """Running shares of the classes among a network's own labels, over all processes.

    Args:
        num_classes: K.
        momentum: share of the old mean that stays at an update.
    """

    share: Tensor
    """[K] float32, sums to 1; starts at 1/K, which weighs every class 1."""

    def __init__(self, num_classes: int, *, momentum: float = 0.95) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("share", torch.full((num_classes,), 1.0 / num_classes))

    @torch.no_grad()
    def update(self, labels: Tensor, valid: Tensor) -> None:
        """Take in a batch; one without a valid pixel changes nothing.

        Args:
            labels: [B,h,w] int64 in [0, K), the network's own labels.
            valid: [B,h,w] bool, the pixels that count.
        """
        counts = torch.zeros_like(self.share, dtype=torch.int64)  # float32 would lose pixels above 2^24
        # Zeros in place of a selection: how many pixels are valid would have to be read off the device.
        counts.index_add_(0, labels.where(valid, 0).flatten(), valid.flatten().to(counts.dtype))
        if process_count() > 1:
            distributed.all_reduce(counts)
        total = counts.sum()
        moved = torch.lerp(counts / total.clamp(min=1), self.share, self.momentum)
        self.share.copy_(torch.where(total > 0, moved, self.share))

    def weights(self, balance: float) -> Tensor:
        """Return [K]: share ** -balance, scaled to a mean of 1 over the pixels that the shares count.

        Args:
            balance: 0 weighs all alike, 1 gives every class the same sum of weights.
        """
        raw = self.share.clamp(min=LEAST_SHARE) ** -balance
        return raw / (self.share * raw).sum()
