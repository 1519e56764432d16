"""What the semantic augmentation knows of a network's features: state, updated by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mutualseg.losses.class_moments import ClassMoments, class_moments, combine, from_all_processes, widen


class ClassStatistics(nn.Module):
    """Running mean and diagonal variance of one network's pixel features, per class.

    Every pixel ever seen has the same weight, on whichever process and in whichever batch it came;
    the variance is that of the population (divided by count), batch-to-batch shifts of the mean
    included. Classes not seen yet have mean and variance 0, so they are not augmented.

    Args:
        num_classes: K.
        num_features: D.
    """

    mean: Tensor
    """[K,D] float32."""
    variance: Tensor
    """[K,D] float32."""
    count: Tensor
    """[K] float32, pixels seen."""

    def __init__(self, num_classes: int, num_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_classes, num_features))
        self.register_buffer("variance", torch.zeros(num_classes, num_features))
        self.register_buffer("count", torch.zeros(num_classes))

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """Take in the pixels of one batch, those of all processes together.

        Every process of the group must call this the same number of times, if need be with N = 0.

        Args:
            features: [N,D], any floating type.
            labels: [N] int64; 255 (and anything else outside [0, K)) is skipped.

        Raises:
            ValueError: the shapes do not fit.
        """
        classes, width = self.mean.shape
        if features.ndim != 2 or features.shape[1] != width or labels.shape != features.shape[:1]:
            raise ValueError(
                f"expected features [N,{width}] and labels [N], "
                f"got {tuple(features.shape)} and {tuple(labels.shape)}"
            )
        batch = from_all_processes(class_moments(features, labels, classes))
        counts = widen(self.count)
        seen = ClassMoments(counts, widen(self.mean), widen(self.variance) * counts[:, None])
        total = combine(
            ClassMoments(*(torch.cat([old[None], new]) for old, new in zip(seen, batch, strict=True)))
        )
        self.count.copy_(total.counts)
        self.mean.copy_(total.means)
        self.variance.copy_(total.m2 / total.counts.clamp(min=1)[:, None])
