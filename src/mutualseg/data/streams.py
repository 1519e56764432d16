"""Endless streams of training samples, addressed by position: what stands where depends on the seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mutualseg.data.encoding import PLAIN, Encoding
from mutualseg.data.loading import Shelf, load_image, load_mask
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError
from mutualseg.seeding import generator_at, permutation
from mutualseg.threads import threads_set
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
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews

Views = tuple[Tensor, ...]
Made = TypeVar("Made", bound=tuple[Any, ...])


class BadFile(NamedTuple):
    """What a worker returns for a file it cannot use: a raised error would arrive as a traceback."""

    message: str


def sample_at(position: int, count: int, seed: int, stream: str) -> int:
    """Return which of `count` samples stands at a position: each epoch is its own permutation."""
    epoch, place = divmod(position, count)
    return int(_epoch_order(count, seed, stream, epoch)[place])


@lru_cache(maxsize=8)
def _epoch_order(count: int, seed: int, stream: str, epoch: int) -> npt.NDArray[np.int64]:
    return permutation(count, seed, stream, "epoch", epoch)


class LabeledStream(Dataset[Views | LabeledCrop | BadFile]):
    """Crops of labeled images: position -> (image, mask, valid) as `LabeledViews` makes them.

    Args:
        samples: the images and masks.
        views: what is made of each.
        num_classes: K.
        seed: addresses order and views.
        encoding: how the files are read.
        color_on_device: return `LabeledCrop`s, whose color changes are drawn and not made.
        shelf: where decoded images are kept, and behind them as many masks.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        views: LabeledViews,
        *,
        num_classes: int,
        seed: int,
        encoding: Encoding = PLAIN,
        color_on_device: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        self.samples = samples
        self.encoding = encoding
        self.views = views
        self.shelf = shelf or Shelf()
        self.num_classes = num_classes
        self.seed = seed
        self.color_on_device = color_on_device

    def __getitem__(self, position: int) -> Views | LabeledCrop | BadFile:
        """Return what a loader receives for a position, or what is wrong with its file."""
        if self.color_on_device:
            return self._at(position, self.views.uncolored)
        return self.views_at(position)

    def views_at(self, position: int) -> Views | BadFile:
        """Return (image, mask, valid) at a position, colors made here, or what is wrong with its file."""
        return self._at(position, self.views)

    @threads_set(1)  # as in a loader process: a sum over an image must not depend on where it is loaded
    def _at(self, position: int, make: Callable[[Tensor, Tensor, torch.Generator], Made]) -> Made | BadFile:
        count = len(self.samples)
        place = sample_at(position, count, self.seed, "labeled")
        sample = self.samples[place]
        try:
            image = load_image(sample, self.encoding, self.shelf, place)
            size = (image.shape[1], image.shape[2])
            mask = load_mask(sample, self.encoding, size, self.num_classes, self.shelf, count + place)
            return make(image, mask, generator_at(self.seed, "labeled", position))
        except DataError as error:
            return BadFile(str(error))


class UnlabeledStream(Dataset[Views | UnlabeledCrop | BadFile | None]):
    """Views of unlabeled images: position -> what `UnlabeledViews` makes of the image that stands there.

    Args:
        samples: the images.
        views: what is made of each.
        seed: addresses order and views.
        positions: those that are looked at, not of a burn-in or a cooldown: nothing is loaded for others;
            none means all.
        encoding: how the files are read.
        color_on_device: return `UnlabeledCrop`s, whose color changes are drawn and not made.
        shelf: where decoded images are kept.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        views: UnlabeledViews,
        *,
        seed: int,
        positions: range | None = None,
        encoding: Encoding = PLAIN,
        color_on_device: bool = False,
        shelf: Shelf | None = None,
    ) -> None:
        self.samples = samples
        self.encoding = encoding
        self.views = views
        self.shelf = shelf or Shelf()
        self.seed = seed
        self.positions = positions
        self.color_on_device = color_on_device

    def __getitem__(self, position: int) -> Views | UnlabeledCrop | BadFile | None:
        """Return what a loader receives for a position, or None for one that is not looked at."""
        return self.at(position) if self.positions is None or position in self.positions else None

    def at(self, position: int) -> Views | UnlabeledCrop | BadFile:
        """Return what a loader receives, looked at or not, or what is wrong with the file."""
        if self.color_on_device:
            return self._at(position, self.views.uncolored)
        return self.views_at(position)

    def views_at(self, position: int) -> Views | BadFile:
        """Return what `UnlabeledViews` makes at any position, colors made here, or the bad file."""
        return self._at(position, self.views)

    @threads_set(1)  # as in a loader process: a sum over an image must not depend on where it is loaded
    def _at(self, position: int, make: Callable[[Tensor, torch.Generator], Made]) -> Made | BadFile:
        place = sample_at(position, len(self.samples), self.seed, "unlabeled")
        try:
            image = load_image(self.samples[place], self.encoding, self.shelf, place)
            return make(image, generator_at(self.seed, "unlabeled", position))
        except DataError as error:
            return BadFile(str(error))


class Positions(Sampler[int]):
    """The positions from a start to an end, in order; resuming needs the start alone.

    Several processes deal them out: of each batch of all, each takes its own run of neighbors, so that
    together they see what one process would.

    Args:
        start: first position.
        end: position after the last.
        size: images in one process's batch.
        rank: of this process.
        processes: among which batches are dealt out.
    """

    def __init__(self, start: int, end: int, *, size: int = 1, rank: int = 0, processes: int = 1) -> None:
        self.start = start
        self.end = end
        self.size = size
        self.rank = rank
        self.processes = processes

    def __iter__(self) -> Iterator[int]:
        """Yield each of this process's positions once."""
        for batch in range(self.start, self.end, self.size * self.processes):
            first = batch + self.rank * self.size
            yield from range(first, first + self.size)

    def __len__(self) -> int:
        """Return this process's positions from 0 on: the trainer counts batches from the run's start."""
        return self.end // self.processes


def collate_labeled(
    items: Sequence[Views | LabeledCrop | BadFile],
) -> LabeledBatch | LabeledCropBatch | BadFile:
    """Stack crops into a batch, or pass on the first bad file."""
    for item in items:
        if isinstance(item, BadFile):
            return item
    columns = _stack(items)
    return LabeledCropBatch(*columns) if isinstance(items[0], LabeledCrop) else LabeledBatch(*columns)


def collate_unlabeled(
    items: Sequence[Views | UnlabeledCrop | BadFile | None],
) -> UnlabeledBatch | UnlabeledCropBatch | BadFile | None:
    """Stack views into a batch, pass on the first bad file, or None for a batch not looked at."""
    looked_at = [item for item in items if item is not None]
    for item in looked_at:
        if isinstance(item, BadFile):
            return item
    if not looked_at:
        return None
    columns = _stack(looked_at)
    return (
        UnlabeledCropBatch(*columns) if isinstance(looked_at[0], UnlabeledCrop) else UnlabeledBatch(*columns)
    )


def _stack(items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield each column of the items as one: stacked, or planned where it holds color changes."""
    for column in zip(*items, strict=True):
        if column[0] is None:  # a view that the method did not ask for
            yield None
        else:
            yield plan_colors(column) if isinstance(column[0], ColorSteps) else torch.stack(column)
