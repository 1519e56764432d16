"""Class maps without regions that are too small to be drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mutualseg.data.outlines import outlines
from mutualseg.data.polygons import Patch, fill_polygon, paint

Indices = npt.NDArray[np.uint8]


def without_specks(classes: Indices, least: int) -> Indices:
    """Return a map in which regions of fewer than `least` pixels have the value that they border on most.

    Args:
        classes: [H,W].
        least: pixels that a region, with all that lies inside it, has at least.
    """
    cleaned = classes.copy()
    for outline in reversed(outlines(classes)):  # smaller ones first: what lies inside goes with its region
        patch = fill_polygon(outline.points, *classes.shape)
        if patch.inside.sum() >= least:
            break
        neighbors = _neighbors(classes, patch)
        if len(neighbors):
            values, counts = np.unique(neighbors, return_counts=True)
            paint(cleaned, patch, int(values[np.argmax(counts)]))
    return cleaned


def _neighbors(classes: Indices, patch: Patch) -> Indices:
    """Return the value on the other side of each side of a pixel at the rim of a patch."""
    down, right = patch.inside.shape
    top, left = max(patch.top - 1, 0), max(patch.left - 1, 0)
    around = classes[top : patch.top + down + 1, left : patch.left + right + 1]
    inside = np.zeros(around.shape, np.bool_)
    inside[patch.top - top :, patch.left - left :][:down, :right] = patch.inside
    return np.concatenate(
        [
            around[1:][inside[:-1] & ~inside[1:]],
            around[:-1][inside[1:] & ~inside[:-1]],
            around[:, 1:][inside[:, :-1] & ~inside[:, 1:]],
            around[:, :-1][inside[:, 1:] & ~inside[:, :-1]],
        ]
    )
