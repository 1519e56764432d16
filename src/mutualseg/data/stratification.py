"""An order of images whose beginnings hold every class: what a stratified split takes its labels from.

With n of N images kept, a class that m of them hold is to be in at least max(1, n * m / N / 2) of the kept
ones (half of its even share, rounded down), with at least a tenth of its even share of pixels. These bounds
are sober on purpose: a choice that is spread over the names mostly meets them, and is left as it is then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

_IMAGES_BELOW = 2
"""A class may be in so many times fewer images than its even share is."""
_PIXELS_BELOW = 10
"""A class may have so many times fewer pixels than its even share is."""


def stratified_order(sizes: Counts, images: Counts, pixels: Counts) -> list[int]:
    """Return an order of groups of images of which every beginning keeps the classes as well as it can.

    It is found from the end: of all groups, the last whose loss breaks no bound goes, again and again. If
    none can go without loss, the one goes with which the fewest classes vanish, then the fewest bounds
    break. So the order stays as it is as long as its beginnings meet the bounds, every beginning lies within
    each longer one, and of the images that hold a rare class the first stay the longest.

    Args:
        sizes: Images in each of G groups, [G], in the order to begin with.
        images: Images of each group that hold a class, [G,K].
        pixels: Pixels of each class in each group, [G,K].

    Returns:
        The places of the groups in their new order.
    """
    amounts = np.concatenate((images, pixels), axis=1)
    bounds = _Bounds(int(sizes.sum()), images.sum(0), pixels.sum(0))
    left, total = int(sizes.sum()), amounts.sum(0)
    held: list[int] = []  # groups that could not go when they were looked at, ascending
    fresh = len(sizes)  # groups before it were not looked at yet
    removed: list[int] = []
    while len(removed) < len(sizes):
        gone = _last_free(held, amounts, sizes, total, left, bounds)
        while gone is None and fresh:
            fresh -= 1
            if (total - amounts[fresh] >= bounds.at(left - sizes[fresh])).all():
                gone = fresh
            else:
                held.insert(0, fresh)
        if gone is None:
            gone = _least_missed(held, amounts, sizes, total, left, bounds)
        if gone in held:
            held.remove(gone)
        removed.append(gone)
        total = total - amounts[gone]
        left -= int(sizes[gone])
    return removed[::-1]


class _Bounds:
    """What so many kept images should hold of each class, at least.

    Args:
        available: Images in all.
        images: Those that hold each class, [K].
        pixels: Pixels of each class, [K].
    """

    def __init__(self, available: int, images: Counts, pixels: Counts) -> None:
        self._available = available
        self._images = images
        self._pixels = pixels

    def at(self, kept: npt.ArrayLike) -> Counts:
        """Return the images, then the pixels, for numbers of kept images [...], as [...,2K]."""
        number = np.asarray(kept, np.int64)[..., None]
        images = np.maximum(
            np.minimum(self._images, 1), number * self._images // (_IMAGES_BELOW * self._available)
        )
        pixels = number * self._pixels // (_PIXELS_BELOW * self._available)
        return np.concatenate((images, pixels), axis=-1)


def _last_free(
    held: Sequence[int], amounts: Counts, sizes: Counts, total: Counts, left: int, bounds: _Bounds
) -> int | None:
    """Return the last of the held groups that can go by now: fewer images need fewer of each class."""
    if not held:
        return None
    free = (total - amounts[held] >= bounds.at(left - sizes[held])).all(1)
    return held[int(np.flatnonzero(free)[-1])] if free.any() else None


def _least_missed(
    held: Sequence[int], amounts: Counts, sizes: Counts, total: Counts, left: int, bounds: _Bounds
) -> int:
    """Return the group whose loss costs the fewest classes, then bounds; of equals the last."""
    classes = amounts.shape[1] // 2
    after = total - amounts[held]
    vanishing = ((after == 0) & (total > 0))[:, :classes].sum(1)
    broken = ((after < bounds.at(left - sizes[held])) & (amounts[held] > 0)).sum(1)
    return min(zip(vanishing.tolist(), broken.tolist(), (-place for place in held), held, strict=True))[3]
