"""The colors of a whole batch at once, on the device where its crops are.

Images that change in the same way at the same step are computed together. Which these are is planned on the
host while a batch is put together, so nothing here waits for the device.

Against `color_steps.apply_steps`, a single change is off by one gray level at most. A later one can widen
that: by its own factor in general (3 levels at most for weak colors, 6 for a strong chain without jumps), and
to the other side of its jump if it is `solarize` or `equalize`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from mutualseg.types import (
    ColorPlan,
    ColorSteps,
    LabeledBatch,
    LabeledCropBatch,
    UnlabeledBatch,
    UnlabeledCropBatch,
)
from mutualseg.views.batched_operations import BATCHED, inside
from mutualseg.views.color_steps import KINDS
from mutualseg.views.geometry import PAD_VALUE


def plan_colors(steps: Sequence[ColorSteps]) -> ColorPlan:
    """Group the steps of the images of a batch by step and kind; all on the CPU."""
    kinds, rows = torch.stack([own.kinds for own in steps], 1).sort(dim=1, stable=True)
    amounts = torch.stack([own.amounts for own in steps], 1).gather(1, rows)
    return ColorPlan(rows, amounts, [_groups(step) for step in kinds.tolist()])


def _groups(kinds: list[int]) -> list[tuple[int, int, int]]:
    groups = []
    start = 0
    for kind, same in groupby(kinds):
        stop = start + len(list(same))
        if kind != 0:
            groups.append((kind, start, stop))
        start = stop
    return groups


def apply_plan(images: Tensor, content: Tensor, plan: ColorPlan) -> Tensor:
    """Return a batch of crops with their colors changed and their padding gray.

    Args:
        images: [B,3,H,W] uint8; not changed.
        content: [B,2] int64, height and width of each image's content, at the top left.
        plan: of these images; its tensors on their device.

    Returns:
        [B,3,H,W] uint8.
    """
    colored = images.clone()
    for rows, amounts, groups in zip(plan.rows, plan.amounts, plan.groups, strict=True):
        for kind, start, stop in groups:
            change, own = BATCHED[KINDS[kind]], amounts[start:stop]
            if stop - start == len(images):  # all of them, and a stable sort left them in their order
                colored = change(colored, own, content)
            else:
                these = rows[start:stop]
                changed = change(colored.index_select(0, these), own, content.index_select(0, these))
                colored.index_copy_(0, these, changed)
    return colored.masked_fill(~inside(colored, content), PAD_VALUE)


def color_labeled(batch: LabeledCropBatch) -> LabeledBatch:
    """Make the color changes of labeled crops."""
    return LabeledBatch(apply_plan(batch.images, batch.content, batch.colors), batch.masks, batch.valid)


def color_unlabeled(batch: UnlabeledCropBatch) -> UnlabeledBatch:
    """Make the weak and the strong views of unlabeled crops."""
    weak, strong, second = (
        None if colors is None else apply_plan(batch.images, batch.content, colors)
        for colors in (batch.weak, batch.strong, batch.second_strong)
    )
    assert weak is not None
    assert strong is not None
    return UnlabeledBatch(weak, strong, batch.valid, batch.keep, second, batch.second_keep)
