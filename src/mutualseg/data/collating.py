"""Items of a stream to batches; files that were skipped or are bad are told beside or in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from mutualseg.data.skipping import BadFile, SkippedFile, WithSkipped, content_of, skipped_of, with_skipped
from mutualseg.data.streams import Views
from mutualseg.types import (
    ColorSteps,
    LabeledBatch,
    LabeledCrop,
    LabeledCropBatch,
    UnlabeledBatch,
    UnlabeledCrop,
    UnlabeledCropBatch,
)
from mutualseg.views.batched_photometric import plan_colors


def collate_labeled(
    items: Sequence[Views | LabeledCrop | WithSkipped | BadFile],
) -> LabeledBatch | LabeledCropBatch | WithSkipped | BadFile:
    """Stack crops into a batch, or pass on the first bad file; what was skipped comes beside either."""
    batch: LabeledBatch | LabeledCropBatch | WithSkipped | BadFile = _collate(
        items, LabeledBatch, LabeledCrop, LabeledCropBatch
    )
    return batch


def collate_unlabeled(
    items: Sequence[Views | UnlabeledCrop | WithSkipped | BadFile | None],
) -> UnlabeledBatch | UnlabeledCropBatch | WithSkipped | BadFile | None:
    """Stack views into a batch, pass on the first bad file, or None for a batch not looked at."""
    looked_at = [item for item in items if item is not None]
    batch: UnlabeledBatch | UnlabeledCropBatch | WithSkipped | BadFile | None = _collate(
        looked_at, UnlabeledBatch, UnlabeledCrop, UnlabeledCropBatch
    )
    return batch


def _collate(items: Sequence[Any], batch: type[Any], crop: type[Any], crop_batch: type[Any]) -> Any:
    """Return items as a `crop_batch` if they are of type `crop`, else as a `batch`; None if there is none."""
    skipped, bad = _skipped_and_bad(items)
    if bad is not None or not items:
        return bad
    found = [content_of(item) for item in items]
    kind = crop_batch if isinstance(found[0], crop) else batch
    return with_skipped(kind(*_stack(found)), skipped)


def _skipped_and_bad(items: Sequence[Any]) -> tuple[tuple[SkippedFile, ...], BadFile | None]:
    """Return all files that were skipped for some items, and the first bad file, which then has them all."""
    skipped = tuple(file for item in items for file in skipped_of(item))
    bad = next((item for item in items if isinstance(item, BadFile)), None)
    return skipped, bad if bad is None or bad.skipped == skipped else bad._replace(skipped=skipped)


def _stack(items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield each column of the items as one: stacked, or planned where it holds color changes."""
    for column in zip(*items, strict=True):
        if column[0] is None:  # a view that the method did not ask for
            yield None
        else:
            yield plan_colors(column) if isinstance(column[0], ColorSteps) else torch.stack(column)
