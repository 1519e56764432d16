"""One pass over the files of a data folder: each is decoded once, and what it turned out to be is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.any_image import AnyImage
from mutualseg.data.file_heads import FileHead, file_head
from mutualseg.data.fingerprints import WORDS, digest, fingerprint
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.masks import size_problem
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample
from mutualseg.data.value_counts import GrowingCounts, ValueCounts
from mutualseg.errors import DataError

ReadImage = Callable[[Path], AnyImage]
"""Returns pixels [H,W,C] (or [H,W]), upright, and what they are called."""
ReadMask = Callable[[Path], npt.NDArray[np.uint8]]
"""Returns class indices, uint8 [H,W], 255 where unknown."""
Progress = Callable[[int, int], None]
"""Called with (files done, files in all)."""

_AHEAD = 8


class Look(NamedTuple):
    """What one sample turned out to be."""

    head: FileHead
    shape: tuple[int, ...] | None
    """Of the upright image; None if it cannot be read."""
    kind: str
    """Such as "8-bit RGB"; "" if it cannot be read."""
    print: npt.NDArray[np.uint64]
    """Zeros if the image cannot be read, as is the digest."""
    digest: npt.NDArray[np.uint64]
    mask: tuple[npt.NDArray[np.int64], bytes] | None
    """Pixels per value [256], and a digest; None without a readable mask."""
    problems: tuple[tuple[Path, str], ...]
    """A file and what is wrong with it, as "what; cure"."""


@dataclass(frozen=True)
class FolderSurvey:
    """What N samples turned out to be, in a few arrays: there may be a million."""

    samples: SampleIndex
    """Those of the data folder by part, then the `further` ones."""
    further: int
    """How many come from `--unlabeled` folders."""
    size: npt.NDArray[np.int32]
    """(height, width) of the upright images [N,2]; 0 where an image cannot be read."""
    prints: npt.NDArray[np.uint64]
    """Fingerprints [N,4]; zeros where there is none."""
    digests: npt.NDArray[np.uint64]
    """Of the pixels [N,2]; zeros where an image cannot be read."""
    orientation: npt.NDArray[np.uint8]
    """EXIF orientation [N]."""
    formats: npt.NDArray[np.str_]
    """Formats by the first bytes [N], "" where unknown."""
    kinds: npt.NDArray[np.int16]
    """Which of `kind_names` each image is [N]; -1 where it cannot be read."""
    kind_names: tuple[str, ...]
    """Such as "8-bit RGB"."""
    value_counts: ValueCounts
    """Pixels per value of each readable mask."""
    mask_digests: dict[int, bytes]
    problems: tuple[tuple[int, Path, str], ...]
    """A sample's place, a file, and what is wrong with it, as "what; cure"."""

    @property
    def readable(self) -> npt.NDArray[np.bool_]:
        """Return which images can be read [N]."""
        return np.asarray(self.size[:, 0] > 0)

    def places(self, *parts: str) -> npt.NDArray[np.int64]:
        """Return the places of the samples of some parts, ascending."""
        in_part = np.array([head.part in parts for head in self.samples.heads], np.bool_)
        return np.flatnonzero(in_part[self.samples.head_of]) if len(self.samples) else np.zeros(0, np.int64)

    def images(self, places: npt.NDArray[Any] | list[int]) -> list[Path]:
        """Return the image files of some samples."""
        return [sample.image for sample in self.samples.select(np.asarray(places, np.int64))]


def survey_folder(
    samples: SampleIndex,
    further: SampleIndex,
    *,
    read_image: ReadImage,
    read_mask: ReadMask,
    workers: int = 2,
    progress: Progress | None = None,
) -> FolderSurvey:
    """Look at every sample; files that cannot be read become problems of the survey."""
    everything = samples + further
    count = len(everything)
    size = np.zeros((count, 2), np.int32)
    prints, digests = np.zeros((count, WORDS), np.uint64), np.zeros((count, 2), np.uint64)
    orientation, formats = np.ones(count, np.uint8), np.zeros(count, "<U4")
    kinds, kind_names = np.full(count, -1, np.int16), dict[str, int]()
    counts, mask_digests = GrowingCounts(), dict[int, bytes]()
    problems = list[tuple[int, Path, str]]()
    looks = look_ahead(
        lambda sample: look(sample, read_image, read_mask),
        everything,
        threads=workers,
        ahead=_AHEAD * workers,
    )
    for place, seen in enumerate(looks):
        orientation[place], formats[place] = seen.head.orientation, seen.head.format
        if seen.shape is not None:
            size[place], prints[place], digests[place] = seen.shape[:2], seen.print, seen.digest
            kinds[place] = kind_names.setdefault(seen.kind, len(kind_names))
        if seen.mask is not None:
            histogram, mask_digests[place] = seen.mask
            counts.add(place, histogram)
        problems += [(place, path, text) for path, text in seen.problems]
        if progress:
            progress(place + 1, count)
    return FolderSurvey(
        samples=everything,
        further=len(further),
        size=size,
        prints=prints,
        digests=digests,
        orientation=orientation,
        formats=formats,
        kinds=kinds,
        kind_names=tuple(kind_names),
        value_counts=counts.done(),
        mask_digests=mask_digests,
        problems=tuple(problems),
    )


def look(sample: Sample, read_image: ReadImage, read_mask: ReadMask) -> Look:
    """Read a sample's image and mask once, for everything that is asked of them."""
    problems = list[tuple[Path, str]]()
    shape: tuple[int, ...] | None = None
    kind, seen, own = "", np.zeros(WORDS, np.uint64), np.zeros(2, np.uint64)
    try:
        kind, pixels = read_image(sample.image)
        shape, seen, own = pixels.shape, fingerprint(pixels), digest(pixels)
    except DataError as error:
        problems.append((sample.image, without_name(error, sample.image)))
    found = None
    if sample.mask is not None:
        try:
            mask = read_mask(sample.mask)
            found = np.bincount(mask.ravel(), minlength=256), digest(mask).tobytes()
            mismatch = size_problem(mask.shape, (shape[0], shape[1])) if shape else None
            if mismatch:
                problems.append((sample.mask, mismatch))
        except DataError as error:
            problems.append((sample.mask, without_name(error, sample.mask)))
    return Look(file_head(sample.image), shape, kind, seen, own, found, tuple(problems))


def without_name(error: DataError, path: Path) -> str:
    """Return an error's text without the file name that it begins with."""
    return str(error).removeprefix(f"{path} ").rstrip(".")
