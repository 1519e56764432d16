"""Every tensor structure that crosses a module boundary, with shapes and dtypes.

Letters: B images, K classes, D feature channels, H x W the crop, h x w the decoder's grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor

IGNORE_INDEX = 255
"""Label of a pixel whose class is unknown: it enters no supervised loss and no class statistic."""

Item = TypeVar("Item")
Pair = tuple[Item, Item]
"""One thing for branch a and the same thing for branch b."""


class LabeledBatch(NamedTuple):
    """Labeled crops."""

    images: Tensor
    """[B,3,H,W]; uint8 as loaded, float in [0, 1] when a method sees it."""
    masks: Tensor
    """[B,H,W] int64 class indices, 255 where unknown or padded."""
    valid: Tensor
    """[B,H,W] bool, False where padding made the pixel."""


class UnlabeledBatch(NamedTuple):
    """Two views of the same unlabeled crops: same geometry, other colors."""

    weak: Tensor
    """[B,3,H,W]; uint8 as loaded, float in [0, 1] when a method sees it."""
    strong: Tensor
    """[B,3,H,W]; like `weak`, aligned with it pixel by pixel."""
    valid: Tensor
    """[B,H,W] bool, False where padding made the pixel."""
    keep: Tensor
    """[B,1,H,W] bool, the CutMix mask M: True keeps the image, False takes its partner."""


class Batch(NamedTuple):
    """What one training step receives; `unlabeled` is None for methods that use labels alone."""

    labeled: LabeledBatch
    unlabeled: UnlabeledBatch | None


class SegmenterOutput(NamedTuple):
    """What a network returns, at its decoder's grid."""

    logits: Tensor
    """[B,K,h,w]."""
    features: Tensor
    """[B,D,h,w], the input of the 1x1 classifier."""


class ClassStatisticsLike(Protocol):
    """Running mean and diagonal variance of a network's pixel features, per class."""

    mean: Tensor
    """[K,D] float32."""
    variance: Tensor
    """[K,D] float32."""
    count: Tensor
    """[K] float32, pixels seen."""

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Take in features [N,D] with int64 labels [N]; 255 is skipped."""


class BranchOutput(NamedTuple):
    """One network's output with what the semantic augmentation needs of that network."""

    logits: Tensor
    """[B,K,h,w]."""
    features: Tensor
    """[B,D,h,w]."""
    classifier_weight: Tensor
    """[K,D], the weight of the 1x1 classifier."""
    statistics: ClassStatisticsLike


@dataclass(frozen=True)
class StepOutput:
    """What one training step of a method returns: `losses` are summed and differentiated."""

    losses: dict[str, Tensor]
    """Weighted scalar loss terms by name; their sum is minimized."""
    logs: dict[str, Tensor] = field(default_factory=dict)
    """Detached scalars to record, without gradient."""
