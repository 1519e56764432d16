"""How many pixels of each value very many masks have: only of the values that are there."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VALUES = 256

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ValueCounts:
    """Counts of M masks one after the other, T in all; a mask of three values takes some 30 bytes."""

    places: Places
    """Of the masks' samples [M], ascending."""
    sizes: npt.NDArray[np.uint16]
    """How many values each mask has [M]."""
    values: npt.NDArray[np.uint8]
    """[T]"""
    pixels: npt.NDArray[np.uint32]
    """Of each of the values [T]."""

    def __len__(self) -> int:
        return len(self.places)

    def among(self, places: Places) -> ValueCounts:
        """Return the counts of those masks whose samples are among some."""
        kept = np.isin(self.places, places)
        each = np.repeat(kept, self.sizes)
        return ValueCounts(self.places[kept], self.sizes[kept], self.values[each], self.pixels[each])

    def total(self) -> npt.NDArray[np.int64]:
        """Return the pixels of each value in all masks [256]."""
        total = np.zeros(VALUES, np.int64)
        np.add.at(total, self.values, self.pixels.astype(np.int64))
        return total

    def masks(self) -> npt.NDArray[np.int64]:
        """Return how many masks hold each value [256]."""
        return np.bincount(self.values, minlength=VALUES)

    def holding(self, wanted: npt.NDArray[np.bool_]) -> Places:
        """Return the places of the masks that hold one of the values at least; `wanted` is [256]."""
        return np.unique(np.repeat(self.places, self.sizes)[wanted[self.values]])


class GrowingCounts:
    """Takes masks one by one."""

    def __init__(self) -> None:
        self._places, self._sizes = array("q"), array("H")
        self._values, self._pixels = array("B"), array("I")

    def add(self, place: int, histogram: npt.NDArray[np.int64]) -> None:
        """Take the pixels per value [256] of the mask of a sample; places ascend."""
        present = np.flatnonzero(histogram)
        self._places.append(place)
        self._sizes.append(len(present))
        self._values.extend(present.tolist())
        self._pixels.extend(histogram[present].tolist())

    def done(self) -> ValueCounts:
        """Return the counts of all masks taken."""
        return ValueCounts(
            np.array(self._places, np.int64),
            np.array(self._sizes, np.uint16),
            np.array(self._values, np.uint8),
            np.array(self._pixels, np.uint32),
        )
