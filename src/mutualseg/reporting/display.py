"""Images of any bands and depth as RGB, to look at and for nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Range = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""The values that are drawn black and white, [1] or [3]."""

_CUT = (1, 99)
"""Percentiles between which values are stretched."""


def is_plain_rgb(image: npt.NDArray[Any]) -> bool:
    """Tell whether an image [H,W,C] is 8-bit RGB."""
    return image.dtype == np.uint8 and image.shape[2] == 3


def display_range(image: npt.NDArray[Any]) -> Range:
    """Return what is drawn black and white of each band that is shown: the 1st and 99th percentile."""
    low, high = np.percentile(_shown_bands(image), _CUT, axis=(0, 1))
    return low, np.where(high > low, high, low + 1)


def as_rgb(image: npt.NDArray[Any], shown: Range | None = None) -> npt.NDArray[np.uint8]:
    """Return a picture [H,W,3] of an image.

    8-bit RGB is returned as it is. Of others the first three bands are red, green and blue, or the first one
    gray if there are fewer, stretched so that dark images are seen.

    Args:
        image: [H,W,C], uint8 or floating.
        shown: the range of another image, to compare the two; None: its own.
    """
    if is_plain_rgb(image):
        return image
    low, high = display_range(image) if shown is None else shown
    stretched = (_shown_bands(image).astype(np.float64) - low) / (high - low)
    levels = (stretched.clip(0, 1) * 255).round().astype(np.uint8)
    return np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels


def _shown_bands(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return image[..., :3] if image.shape[2] >= 3 else image[..., :1]
