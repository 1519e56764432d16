"""How many pixels of each class masks hold: what a stratified split is made from, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.class_shares import ClassRow, ClassShare
from mutualseg.data.samples import Sample

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassPixels:
    """Pixels of each class in the masks of N samples."""

    classes: tuple[str, ...]
    """Names of the K classes in index order."""
    counts: Counts
    """[N,K]; pixels of no class (255) are not counted."""
    places: dict[str, int]
    """The row of each sample, by name."""

    def of(self, samples: Sequence[Sample]) -> Counts:
        """Return the pixels of each class in each of M samples, [M,K].

        Raises:
            KeyError: a sample was not counted.
        """
        return self.counts[[self.places[sample.name] for sample in samples]]


def count_class_pixels(
    samples: Sequence[Sample],
    classes: Sequence[str],
    read: Callable[[Path], npt.NDArray[np.integer]],
    progress: Callable[[int, int], None] | None = None,
) -> ClassPixels:
    """Read the masks of samples and count the pixels of each class.

    Args:
        samples: N samples, each with a mask.
        classes: Names in index order.
        read: Returns a mask's class indices [H,W]; what is no index of a class is not counted.
        progress: Called with (masks done, masks in all).

    Raises:
        DataError: a mask cannot be read.
    """
    total = len(classes)

    def count(sample: Sample) -> Counts:
        assert sample.mask is not None
        mask = read(sample.mask)
        known = mask[(mask >= 0) & (mask < total)]
        return np.bincount(known.ravel(), minlength=total).astype(np.int64)

    rows = np.zeros((len(samples), total), np.int64)
    with ThreadPoolExecutor() as pool:
        for place, row in enumerate(pool.map(count, samples)):
            rows[place] = row
            if progress:
                progress(place + 1, len(samples))
    return ClassPixels(tuple(classes), rows, {sample.name: place for place, sample in enumerate(samples)})


def class_rows(
    pixels: ClassPixels, labeled: Sequence[Sample], chosen: Sequence[Sample], val: Sequence[Sample]
) -> tuple[ClassRow, ...]:
    """Return what each class has in sets of samples, in index order.

    Args:
        pixels: The pixels of all of them.
        labeled: Training images that have a mask, held-out ones included.
        chosen: Those that are trained on with their mask.
        val: Those that are measured on.
    """
    columns = [_shares(pixels.of(samples)) for samples in (labeled, chosen, val)]
    return tuple(ClassRow(name, *shares) for name, *shares in zip(pixels.classes, *columns, strict=True))


def _shares(counts: Counts) -> list[ClassShare]:
    total = max(1, int(counts.sum()))
    return [
        ClassShare(int(images), 100 * int(own) / total)
        for images, own in zip((counts > 0).sum(0), counts.sum(0), strict=True)
    ]
