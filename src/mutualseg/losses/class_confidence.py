"""Thresholds per class that follow how sure a network is of each class.

One threshold for all classes keeps labels of the large, easy classes only, and what is never taught
is unlearnt. Scaling it by a class's own mean confidence lets the others teach too: FlexMatch (Zhang et
al., NeurIPS 2021, arXiv 2110.08263) and FreeMatch (Wang et al., ICLR 2023, arXiv 2205.07246).
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from mutualseg.losses.reduction import process_count


class ClassConfidence(nn.Module):
    """Running mean confidence of a network's own labels, per class, over all processes.

    Args:
        num_classes: K.
        momentum: share of the old mean that stays when a batch holds the class.
    """

    mean: Tensor
    """[K] float32 in (0, 1]; starts at 1, which leaves the threshold as it is for every class."""

    def __init__(self, num_classes: int, *, momentum: float = 0.95) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.ones(num_classes))

    @torch.no_grad()
    def update(self, confidence: Tensor, labels: Tensor, valid: Tensor) -> None:
        """Take in a batch; classes that it does not hold keep their mean.

        Args:
            confidence: [B,h,w] in (0, 1].
            labels: [B,h,w] int64, the network's own labels.
            valid: [B,h,w] bool, the pixels that count.
        """
        # Zeros in place of a selection: how many pixels are valid would have to be read off the device.
        index = labels.where(valid, 0).flatten()
        sums = torch.zeros(2, len(self.mean), device=self.mean.device)
        sums[0].index_add_(0, index, confidence.where(valid, 0.0).flatten().to(self.mean.dtype))
        sums[1].index_add_(0, index, valid.flatten().to(self.mean.dtype))
        if process_count() > 1:
            distributed.all_reduce(sums)
        batch_mean = sums[0] / sums[1].clamp(min=1)
        moved = torch.lerp(batch_mean, self.mean, self.momentum)
        self.mean.copy_(torch.where(sums[1] > 0, moved, self.mean))

    def thresholds(self, threshold: float) -> Tensor:
        """Return [K]: the threshold, scaled by each class's mean confidence over the largest."""
        return threshold * self.mean / self.mean.max()
