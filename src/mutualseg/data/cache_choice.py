"""Whether decoded images are kept, and where: what `--cache` means for a data set on a machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from typing import Literal

from mutualseg.data.decoded_images import DecodedImages, can_share
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.images import known_sizes
from mutualseg.data.samples import Sample
from mutualseg.machine import free_memory

Cache = Literal["memory", "file", "off"]

_LOOKED_AT = 32
_SPREAD = 4
"""An image may be this many times larger than the largest that was looked at, and is still kept."""
_LONGEST_FILE = 2**43
"""Bytes that file systems in use allow for one sparse file."""


def open_cache(
    cache: str,
    labeled: Sequence[Sample],
    unlabeled: Sequence[Sample],
    *,
    processes: int,
    images: ImageCode = RGB,
) -> DecodedImages | None:
    """Return an empty store: numbers for labeled images, then their masks, then unlabeled images.

    Args:
        cache: `memory`, a temporary `file`, or `off`.
        labeled: images with masks.
        unlabeled: those that are drawn more than once.
        processes: that have a store each and share the space. A store takes at most its share of half of
            what is free; what does not fit is decoded every time.
        images: how images are read.

    Returns:
        None if it is off, or cannot be had on this system, or the system does not say what is free.
    """
    count = _count(labeled, unlabeled)
    if cache == "off" or not can_share() or count == 0:
        return None
    free = shutil.disk_usage(tempfile.gettempdir()).free if cache == "file" else free_memory()
    if free is None:
        return None
    try:
        return DecodedImages(
            count,
            largest=min(_SPREAD * _largest(labeled, unlabeled, images), _LONGEST_FILE // count),
            budget=free // (2 * processes),
            where="file" if cache == "file" else "memory",
        )
    except OSError:  # a limit on files, or no room: decoding goes on as without
        return None


def fit_in_memory(
    labeled: Sequence[Sample], unlabeled: Sequence[Sample], images: ImageCode = RGB, *, stores: int
) -> bool:
    """Return whether so many stores of all images fit into half of the memory that is free."""
    free = free_memory()
    needed = stores * _count(labeled, unlabeled) * _largest(labeled, unlabeled, images)
    return free is not None and needed <= free // 2


def _count(labeled: Sequence[Sample], unlabeled: Sequence[Sample]) -> int:
    """Return how many arrays a store holds: an image and its mask for each that is labeled."""
    return 2 * len(labeled) + len(unlabeled)


def _largest(labeled: Sequence[Sample], unlabeled: Sequence[Sample], images: ImageCode) -> int:
    """Return the decoded bytes of the largest image that is looked at; 0 if there is none."""
    return max((*_decoded_sizes(labeled, images), *_decoded_sizes(unlabeled, images)), default=0)


def _decoded_sizes(samples: Sequence[Sample], images: ImageCode) -> list[int]:
    """Return the decoded bytes of a few images that lie evenly among the samples, from their headers."""
    places = range(0, len(samples), max(1, len(samples) // _LOOKED_AT))
    sizes = known_sizes(samples[place].image for place in places)
    return [images.bytes_per_pixel * height * width for height, width in sizes]
