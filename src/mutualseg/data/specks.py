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
    while True:
        cleaned = _cleaned_once(classes, least)
        if cleaned is None:
            return classes.copy()
        classes = cleaned


def _cleaned_once(classes: Indices, least: int) -> Indices | None:
    """Return a map without those specks beside which nothing changes; None if there is no speck.

    One beside another waits, since that one's value may vanish: so each that goes leaves a region less.
    """
    cleaned = classes.copy()
    is_changed = False
    for outline in reversed(outlines(classes)):  # smaller ones first: what lies inside goes with its region
        patch = fill_polygon(outline.points, *classes.shape)
        if patch.inside.sum() >= least:
            break
        neighbors = _neighbors(classes, patch)
        if len(neighbors) and _is_as_it_was(classes, cleaned, patch, neighbors):
            values, counts = np.unique(neighbors, return_counts=True)
            paint(cleaned, patch, int(values[np.argmax(counts)]))
            is_changed = True
    return cleaned if is_changed else None


def _is_as_it_was(classes: Indices, cleaned: Indices, patch: Patch, neighbors: Indices) -> bool:
    """Tell whether neither a patch nor what it borders on has changed."""
    down, right = patch.inside.shape
    box = slice(patch.top, patch.top + down), slice(patch.left, patch.left + right)
    same = (classes[box] == cleaned[box]) | ~patch.inside
    return bool(same.all()) and bool((_neighbors(cleaned, patch) == neighbors).all())


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
