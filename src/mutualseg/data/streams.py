"""Endless streams of training samples, addressed by position: what stands where depends on the seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mutualseg.data.encoding import PLAIN, Encoding
from mutualseg.data.loading import Shelf, load_image, load_mask
from mutualseg.data.samples import Sample
from mutualseg.data.skipping import BadFile, SkippedFile, WithSkipped, content_of
from mutualseg.errors import DataError
from mutualseg.seeding import generator_at, permutation
from mutualseg.threads import threads_set
from mutualseg.types import (
    LabeledCrop,
    UnlabeledCrop,
)
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews

Views = tuple[Tensor, ...]
Made = TypeVar("Made", bound=tuple[Any, ...])


def sample_at(position: int, count: int, seed: int, stream: str) -> int:
    """Return which of `count` samples stands at a position: each epoch is its own permutation."""
    return next(samples_from(position, count, seed, stream))


def samples_from(position: int, count: int, seed: int, stream: str) -> Iterator[int]:
    """Yield which sample stands at a position, then those that stand in for it if it cannot be used.

    They are the next ones of the same epoch's order, from its end on to its start, each once.
    """
    epoch, place = divmod(position, count)
    order = _epoch_order(count, seed, stream, epoch)
    return (int(order[(place + further) % count]) for further in range(count))


@lru_cache(maxsize=8)
def _epoch_order(count: int, seed: int, stream: str, epoch: int) -> npt.NDArray[np.int64]:
    return permutation(count, seed, stream, "epoch", epoch)


class LabeledStream(Dataset[Views | LabeledCrop | WithSkipped | BadFile]):
    """Crops of labeled images: position -> (image, mask, valid) as `LabeledViews` makes them.

    Args:
        samples: the images and masks.
        views: what is made of each.
        num_classes: K.
        seed: addresses order and views.
        encoding: how the files are read.
        color_on_device: return `LabeledCrop`s, whose color changes are drawn and not made.
        shelf: where decoded images are kept, and behind them as many masks.
        tries: files that are tried at a position at most; 1 lets none stand in for another.
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
        tries: int = 1,
    ) -> None:
        self.samples = samples
        self.encoding = encoding
        self.views = views
        self.shelf = shelf or Shelf()
        self.num_classes = num_classes
        self.seed = seed
        self.color_on_device = color_on_device
        self.tries = tries

    def __getitem__(self, position: int) -> Views | LabeledCrop | WithSkipped | BadFile:
        """Return what a loader receives for a position, or what is wrong with its file."""
        if self.color_on_device:
            return self._at(position, self.views.uncolored)
        return self._at(position, self.views)

    def views_at(self, position: int) -> Views | BadFile:
        """Return (image, mask, valid) at a position, colors made here, or what is wrong with its file."""
        found: Views | BadFile = content_of(self._at(position, self.views))
        return found

    @threads_set(1)  # as in a loader process: a sum over an image must not depend on where it is loaded
    def _at(
        self, position: int, make: Callable[[Tensor, Tensor, torch.Generator], Made]
    ) -> Made | WithSkipped | BadFile:
        count = len(self.samples)

        def load(place: int) -> Made:
            sample = self.samples[place]
            image = load_image(sample, self.encoding, self.shelf, place)
            size = (image.shape[1], image.shape[2])
            mask = load_mask(sample, self.encoding, size, self.num_classes, self.shelf, count + place)
            return make(image, mask, generator_at(self.seed, "labeled", position))

        return _first_usable(self, position, "labeled", load)


class UnlabeledStream(Dataset[Views | UnlabeledCrop | WithSkipped | BadFile | None]):
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
        tries: files that are tried at a position at most; 1 lets none stand in for another.
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
        tries: int = 1,
    ) -> None:
        self.samples = samples
        self.encoding = encoding
        self.views = views
        self.shelf = shelf or Shelf()
        self.seed = seed
        self.positions = positions
        self.color_on_device = color_on_device
        self.tries = tries

    def __getitem__(self, position: int) -> Views | UnlabeledCrop | WithSkipped | BadFile | None:
        """Return what a loader receives for a position, or None for one that is not looked at."""
        return self.at(position) if self.positions is None or position in self.positions else None

    def at(self, position: int) -> Views | UnlabeledCrop | WithSkipped | BadFile:
        """Return what a loader receives, looked at or not, or what is wrong with the file."""
        if self.color_on_device:
            return self._at(position, self.views.uncolored)
        return self._at(position, self.views)

    def views_at(self, position: int) -> Views | BadFile:
        """Return what `UnlabeledViews` makes at any position, colors made here, or the bad file."""
        found: Views | BadFile = content_of(self._at(position, self.views))
        return found

    @threads_set(1)  # as in a loader process: a sum over an image must not depend on where it is loaded
    def _at(
        self, position: int, make: Callable[[Tensor, torch.Generator], Made]
    ) -> Made | WithSkipped | BadFile:
        def load(place: int) -> Made:
            image = load_image(self.samples[place], self.encoding, self.shelf, place)
            return make(image, generator_at(self.seed, "unlabeled", position))

        return _first_usable(self, position, "unlabeled", load)


def _first_usable(
    stream: LabeledStream | UnlabeledStream, position: int, name: str, load: Callable[[int], Made]
) -> Made | WithSkipped | BadFile:
    """Return what `load` makes of the sample at a position, or of the first that can stand in for it.

    The random numbers are the position's, whichever sample it is. So what is returned follows from seed,
    stream, position and which files are bad: every loader process returns the same.
    """
    skipped: list[SkippedFile] = []
    for place in islice(samples_from(position, len(stream.samples), stream.seed, name), stream.tries):
        try:
            made = load(place)
        except DataError as error:
            if stream.tries == 1:
                return BadFile(str(error))
            skipped.append(SkippedFile.of(stream.samples[place], name, error))
        else:
            return made if not skipped else WithSkipped(made, tuple(skipped))
    return BadFile(
        f"{len(skipped)} {name} images in a row cannot be used; {skipped[0].reason}", tuple(skipped)
    )


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
