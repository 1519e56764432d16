"""Whether decoded images are kept, and where: what `--cache` means for a data set on a machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from typing import Literal

from mutualseg.data.decoded_images import DecodedImages, can_share
from mutualseg.data.images import image_size
from mutualseg.data.samples import Sample, Split

Cache = Literal["memory", "file", "off"]

_LOOKED_AT = 32
_SPREAD = 4
"""An image may be this many times larger than the largest that was looked at, and is still kept."""
_LONGEST_FILE = 2**43
"""Bytes that file systems in use allow for one sparse file."""


def decoded_bytes(samples: Sequence[Sample]) -> int:
    """Estimate the bytes of all these images once decoded, from the headers of a few."""
    sizes = _sizes(samples)
    return sum(sizes) * len(samples) // len(sizes)


def choose_cache(needed: int, free_memory: int | None) -> Cache:
    """Return where so many bytes are kept: in memory if half of what is free holds them, else in a file.

    Args:
        needed: bytes of all images that are drawn more than once.
        free_memory: of the machine; None where the system does not say.
    """
    if not can_share():
        return "off"
    if free_memory is not None and 2 * needed <= free_memory:
        return "memory"
    return "file" if 2 * needed <= shutil.disk_usage(tempfile.gettempdir()).free else "off"


def open_cache(cache: str, split: Split) -> DecodedImages | None:
    """Return an empty store for labeled images, their masks and unlabeled images; None if it is off."""
    if cache == "off" or not can_share():
        return None
    samples = [*split.labeled[:_LOOKED_AT], *_few(split.unlabeled)]
    sizes = _sizes(samples)
    count = 2 * len(split.labeled) + len(split.unlabeled)
    return DecodedImages(
        count,
        largest=min(_SPREAD * max(sizes), _LONGEST_FILE // count),
        # The sizes are an estimate; half as much again, and no more whatever the files turn out to be.
        budget=3 * count * sum(sizes) // (2 * len(sizes)),
        where="memory" if cache == "memory" else "file",
    )


def _few(samples: Sequence[Sample]) -> list[Sample]:
    """Return some that lie evenly among them."""
    return [samples[place] for place in range(0, len(samples), max(1, len(samples) // _LOOKED_AT))]


def _sizes(samples: Sequence[Sample]) -> list[int]:
    """Return the decoded bytes of a few of them, from their headers."""
    pixels = [height * width for height, width in (image_size(sample.image) for sample in _few(samples))]
    return [3 * count for count in pixels]
