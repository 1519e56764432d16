"""What all masks of a folder hold together: the values or colors that a code has to give a meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from mutualseg.data.mask_pixels import MaskPixels, read_mask_pixels
from mutualseg.errors import DataError

SMALL = 32
"""Gray below it, and above 0, is taken for an index and not for a gray color where some masks are colored."""
_AT_ONCE = 16
"""Masks between two looks at whether enough is known."""


@dataclass
class Survey:
    """The contents of the masks that were looked at."""

    values: set[int] = field(default_factory=set)
    """Gray values and palette positions."""
    colors: set[int] = field(default_factory=set)
    """Packed colors: of color images, of palettes, and the gray ones."""
    colored: list[Path] = field(default_factory=list)
    """The files that are color images."""
    indexed: list[Path] = field(default_factory=list)
    """The gray files that hold a value which is likely an index (see `SMALL`)."""
    black_white: list[Path] = field(default_factory=list)
    """The gray files that hold 255, and besides it 0 at most."""
    palette: dict[int, int] = field(default_factory=dict)
    """Packed color by palette position, of the positions that occur."""
    palettes_differ: bool = False
    """Whether one position has two colors, so that positions mean nothing."""

    def take(self, path: Path, pixels: MaskPixels) -> None:
        """Take in one mask."""
        if pixels.values is None:
            assert pixels.colors is not None
            self.colored.append(path)
            self.colors.update(np.unique(pixels.colors).tolist())
            return
        found = np.flatnonzero(np.bincount(pixels.values.ravel(), minlength=1)).tolist()
        self.values.update(found)
        if pixels.palette is None:
            if any(0 < value < SMALL for value in found):
                self.indexed.append(path)
            if 255 in found and set(found) <= {0, 255}:
                self.black_white.append(path)
            self.colors.update(value * 0x010101 for value in found if value <= 255)
            return
        for position in found:
            color = int(pixels.palette[position])
            self.colors.add(color)
            self.palettes_differ |= self.palette.setdefault(position, color) != color


def survey_masks(
    masks: Sequence[Path],
    enough: Callable[[Survey], bool] = lambda survey: False,
    *,
    skip_broken: bool = False,
) -> Survey:
    """Look at masks until enough is known.

    Args:
        masks: The files.
        enough: Asked after every few masks.
        skip_broken: Leave out files that cannot be read, for somebody who names them elsewhere.

    Raises:
        ImageError: A file cannot be read.
        MaskError: A file cannot be a mask.
    """
    survey = Survey()
    left = iter(masks)
    with ThreadPoolExecutor() as pool:
        while paths := list(islice(left, _AT_ONCE)):
            for path, pixels in zip(paths, pool.map(_read(skip_broken), paths), strict=True):
                if pixels is not None:
                    survey.take(path, pixels)
            if enough(survey):
                break
    return survey


def _read(skip_broken: bool) -> Callable[[Path], MaskPixels | None]:
    def read(path: Path) -> MaskPixels | None:
        try:
            return read_mask_pixels(path)
        except DataError:
            if skip_broken:
                return None
            raise

    return read
