"""`--on-bad-image skip`: what is said of a file that is left out, and how many of them a run bears."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from mutualseg.data.file_names import printable
from mutualseg.data.samples import Sample

_BORNE = 20
"""One image in so many may be skipped: 5 percent."""


class SkippedFile(NamedTuple):
    """An image that is left out, with its mask where it has one."""

    file: str
    """Absolute path of the image; the reason names the file at fault, which may be its mask."""
    part: str
    """labeled, unlabeled or val."""
    reason: str

    @classmethod
    def of(cls, sample: Sample, part: str, reason: object) -> SkippedFile:
        """Return what is said of a sample; bytes of names that are no text are written out."""
        return cls(printable(os.path.abspath(sample.image)), part, printable(str(reason)))  # noqa: PTH100


class WithSkipped(NamedTuple):
    """An item or a batch, and the files that others stand in for in it; where there are none, it is bare."""

    content: Any
    skipped: tuple[SkippedFile, ...]


class BadFile(NamedTuple):
    """What a worker returns for a file it cannot use: a raised error would arrive as a traceback."""

    message: str
    skipped: tuple[SkippedFile, ...] = ()
    """With `--on-bad-image skip`: that file, and those that were tried instead of it."""


def content_of(received: Any) -> Any:
    """Return what was received without the files that were skipped for it."""
    return received.content if isinstance(received, WithSkipped) else received


def skipped_of(received: Any) -> tuple[SkippedFile, ...]:
    """Return the files that were skipped for what was received."""
    return received.skipped if isinstance(received, WithSkipped | BadFile) else ()


def with_skipped(content: Any, skipped: tuple[SkippedFile, ...]) -> Any:
    """Return content beside the files that were skipped for it, or bare if there are none."""
    return WithSkipped(content, skipped) if skipped else content


def borne(images: int) -> int:
    """Return how many images of a run may be skipped."""
    return images // _BORNE


def too_many(skipped: int, images: int) -> bool:
    """Whether more than 5 percent of a run's images are skipped."""
    return skipped > borne(images)
