"""Endless streams of training samples, addressed by position: what stands where depends on the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mutualseg.data.images import read_image
from mutualseg.data.masks import check_mask, read_mask
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError
from mutualseg.seeding import generator_at, permutation
from mutualseg.types import LabeledBatch, UnlabeledBatch
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews

BatchType = TypeVar("BatchType", LabeledBatch, UnlabeledBatch)


class BadFile(NamedTuple):
    """What a worker returns for a file it cannot use: a raised error would arrive as a traceback."""

    message: str


def load_image(sample: Sample) -> Tensor:
    """Return a sample's image as uint8 [3,H,W]."""
    return torch.from_numpy(read_image(sample.image)).permute(2, 0, 1).contiguous()


def load_mask(sample: Sample, image_size: tuple[int, int], num_classes: int) -> Tensor:
    """Return a sample's mask as uint8 [H,W], checked against its image and the class list."""
    if sample.mask is None:
        raise DataError(f"'{sample.name}' has no mask; only labeled samples have one to load.")
    mask = read_mask(sample.mask)
    check_mask(mask, image_size, num_classes, sample.mask)
    return torch.from_numpy(mask)


def sample_at(position: int, count: int, seed: int, stream: str) -> int:
    """Return which of `count` samples stands at a position: each epoch is its own permutation."""
    epoch, place = divmod(position, count)
    return int(_epoch_order(count, seed, stream, epoch)[place])


@lru_cache(maxsize=8)
def _epoch_order(count: int, seed: int, stream: str, epoch: int) -> npt.NDArray[np.int64]:
    return permutation(count, seed, stream, "epoch", epoch)


class LabeledStream(Dataset[tuple[Tensor, ...] | BadFile]):
    """Crops of labeled images: position -> (image, mask, valid) as `LabeledViews` makes them."""

    def __init__(
        self, samples: Sequence[Sample], views: LabeledViews, *, num_classes: int, seed: int
    ) -> None:
        self.samples = samples
        self.views = views
        self.num_classes = num_classes
        self.seed = seed

    def __getitem__(self, position: int) -> tuple[Tensor, ...] | BadFile:
        """Return the crop at a position, or what is wrong with its file."""
        sample = self.samples[sample_at(position, len(self.samples), self.seed, "labeled")]
        try:
            image = load_image(sample)
            mask = load_mask(sample, (image.shape[1], image.shape[2]), self.num_classes)
            return self.views(image, mask, generator_at(self.seed, "labeled", position))
        except DataError as error:
            return BadFile(str(error))


class UnlabeledStream(Dataset[tuple[Tensor, ...] | BadFile | None]):
    """Views of unlabeled images: position -> (weak, strong, valid, keep) as `UnlabeledViews` makes them.

    Args:
        samples: the images.
        views: what is made of each.
        seed: addresses order and views.
        first: positions before it are never looked at (a burn-in), so nothing is loaded for them.
    """

    def __init__(
        self, samples: Sequence[Sample], views: UnlabeledViews, *, seed: int, first: int = 0
    ) -> None:
        self.samples = samples
        self.views = views
        self.seed = seed
        self.first = first

    def __getitem__(self, position: int) -> tuple[Tensor, ...] | BadFile | None:
        """Return the views at a position, what is wrong with the file, or None before `first`."""
        return None if position < self.first else self.at(position)

    def at(self, position: int) -> tuple[Tensor, ...] | BadFile:
        """Return the views at any position, or what is wrong with the file."""
        sample = self.samples[sample_at(position, len(self.samples), self.seed, "unlabeled")]
        try:
            return self.views(load_image(sample), generator_at(self.seed, "unlabeled", position))
        except DataError as error:
            return BadFile(str(error))


class Positions(Sampler[int]):
    """The positions from a start to an end, in order; resuming needs the start alone."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __iter__(self) -> Iterator[int]:
        """Yield each position once."""
        return iter(range(self.start, self.end))

    def __len__(self) -> int:
        """Return the end: the trainer counts batches from the run's start, also after a resume."""
        return self.end


def collate_labeled(items: list[tuple[Tensor, ...] | BadFile]) -> LabeledBatch | BadFile:
    """Stack crops into a batch, or pass on the first bad file."""
    return _collate(items, LabeledBatch)


def collate_unlabeled(
    items: list[tuple[Tensor, ...] | BadFile | None],
) -> UnlabeledBatch | BadFile | None:
    """Stack views into a batch, pass on the first bad file, or None for a batch not looked at."""
    looked_at = [item for item in items if item is not None]
    return _collate(looked_at, UnlabeledBatch) if looked_at else None


def _collate(items: list[tuple[Tensor, ...] | BadFile], kind: type[BatchType]) -> BatchType | BadFile:
    columns: list[tuple[Tensor, ...]] = []
    for item in items:
        if isinstance(item, BadFile):
            return item
        columns.append(item)
    return kind(*(torch.stack(column) for column in zip(*columns, strict=True)))
