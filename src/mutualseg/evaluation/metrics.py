"""Segmentation scores from one confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mutualseg.types import IGNORE_INDEX


@dataclass(frozen=True)
class Scores:
    """What a network scored on a set of images, in percent."""

    miou: float
    """Mean IoU over the classes present in the masks."""
    per_class: tuple[float | None, ...]
    """IoU of each class; None where no mask holds the class."""
    pixel_accuracy: float
    """Share of labeled pixels that are right."""


class ConfusionMatrix:
    """Counts of (true class, predicted class) over pixels.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        """[K,K] int64: row true, column predicted."""

    def update(self, predicted: Tensor, masks: Tensor) -> None:
        """Count pixels; those whose mask is 255 are left out.

        Args:
            predicted: integer class indices of any shape, each below K.
            masks: integer class indices of the same shape.
        """
        known = masks != IGNORE_INDEX
        pairs = masks[known].long() * self.num_classes + predicted[known].long()
        counted = torch.bincount(pairs.flatten(), minlength=self.num_classes**2)
        self.counts += counted.view(self.num_classes, self.num_classes).cpu()

    def scores(self) -> Scores:
        """Return IoU = hits / (true + predicted - hits) per class, its mean, and pixel accuracy."""
        counts = self.counts.double()
        hits, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
        present = true > 0
        iou = 100.0 * hits / (true + predicted - hits).clamp(min=1.0)
        return Scores(
            miou=float(iou[present].mean()) if present.any() else 0.0,
            per_class=tuple(float(v) if p else None for v, p in zip(iou, present, strict=True)),
            pixel_accuracy=float(100.0 * hits.sum() / true.sum().clamp(min=1.0)),
        )
