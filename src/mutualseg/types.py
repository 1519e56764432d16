"""Every tensor structure that crosses a module boundary, with shapes and dtypes.

Letters: B images, K classes, D feature channels, H x W the crop, h x w the decoder's grid,
S the steps of a sequence of color changes.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """[B,C,H,W]; uint8 or float as loaded, float in [0, 1] when a method sees it."""
    masks: Tensor
    """[B,H,W] int64 class indices, 255 where unknown or padded."""
    valid: Tensor
    """[B,H,W] bool, False where padding made the pixel."""


class UnlabeledBatch(NamedTuple):
    """Views of the same unlabeled crops: same geometry, other colors."""

    weak: Tensor
    """[B,C,H,W]; uint8 or float as loaded, float in [0, 1] when a method sees it."""
    strong: Tensor
    """[B,C,H,W]; like `weak`, aligned with it pixel by pixel."""
    valid: Tensor
    """[B,H,W] bool, False where padding made the pixel."""
    keep: Tensor
    """[B,1,H,W] bool, the CutMix mask M: True keeps the image, False takes its partner."""
    second_strong: Tensor | None = None
    """Another strong view, like `strong`, for methods that ask for two."""
    second_keep: Tensor | None = None
    """The CutMix mask of the second strong view, like `keep`."""


class ColorSteps(NamedTuple):
    """The color changes of one image as drawn, first to last; `views/color_steps.py` names the kinds."""

    kinds: Tensor
    """[S] int64, 0 where nothing is done."""
    amounts: Tensor
    """[S] float64: a factor, a shift in circles, a sigma in pixels or a threshold in levels; else 0."""


class ColorPlan(NamedTuple):
    """The color changes of a batch; at each step, images that change in the same way lie together."""

    rows: Tensor
    """[S,B] int64, each step's order of the images."""
    amounts: Tensor
    """[S,B] float64, in the order of `rows`."""
    groups: Sequence[Sequence[tuple[int, int, int]]]
    """Per step (kind, start, stop): rows[step, start:stop] change in that kind. Numbers that stay on the host
    when the tensors move: what is to be done is known without asking the device."""


class LabeledCrop(NamedTuple):
    """A labeled crop before its color changes."""

    image: Tensor
    """[3,H,W] uint8."""
    mask: Tensor
    """[H,W] int64 class indices, 255 where unknown or padded."""
    valid: Tensor
    """[H,W] bool, False where padding made the pixel."""
    content: Tensor
    """[2] int64, height and width of what is not padding, at the top left."""
    colors: ColorSteps


class UnlabeledCrop(NamedTuple):
    """An unlabeled crop before the color changes of its views."""

    image: Tensor
    """[3,H,W] uint8."""
    valid: Tensor
    """[H,W] bool, False where padding made the pixel."""
    keep: Tensor
    """[1,H,W] bool, the CutMix mask."""
    content: Tensor
    """[2] int64, height and width of what is not padding, at the top left."""
    weak: ColorSteps
    strong: ColorSteps
    second_strong: ColorSteps | None = None
    second_keep: Tensor | None = None
    """[1,H,W] bool, the CutMix mask of the second strong view."""


class LabeledCropBatch(NamedTuple):
    """`LabeledCrop`s, to become a `LabeledBatch` on the device."""

    images: Tensor
    """[B,3,H,W] uint8."""
    masks: Tensor
    """[B,H,W] int64."""
    valid: Tensor
    """[B,H,W] bool."""
    content: Tensor
    """[B,2] int64."""
    colors: ColorPlan


class UnlabeledCropBatch(NamedTuple):
    """`UnlabeledCrop`s, to become an `UnlabeledBatch` on the device."""

    images: Tensor
    """[B,3,H,W] uint8."""
    valid: Tensor
    """[B,H,W] bool."""
    keep: Tensor
    """[B,1,H,W] bool."""
    content: Tensor
    """[B,2] int64."""
    weak: ColorPlan
    strong: ColorPlan
    second_strong: ColorPlan | None = None
    second_keep: Tensor | None = None
    """[B,1,H,W] bool."""


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
