"""Where two networks name different classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.web_app.class_shares import class_rows

_MOST_SWAPS = 5


class Swap(NamedTuple):
    """Pixels that the first network takes for one class and the second for another."""

    first: str
    second: str
    share: float
    """Of all pixels, in [0, 1]."""


class Difference(NamedTuple):
    """What two networks disagree on in one image."""

    where: npt.NDArray[np.bool_]
    """[H,W]."""
    share: float
    """Of all pixels, in [0, 1]."""
    swaps: tuple[Swap, ...]
    """The most frequent ones, those of most pixels first."""


def difference(
    first: npt.NDArray[np.uint8],
    second: npt.NDArray[np.uint8],
    first_names: Sequence[str],
    second_names: Sequence[str],
) -> Difference:
    """Compare what two networks say of one image; classes are the same where their names are.

    Args:
        first: class indices of the first network, uint8 [H,W].
        second: those of the second, uint8 [H,W].
        first_names: class names of the first network, by index.
        second_names: class names of the second.
    """
    rows = class_rows((first_names, second_names))
    common = []
    for network, indices in enumerate((first, second)):
        table = np.zeros(256, np.int64)
        for place, row in enumerate(rows):
            own = row.places[network]
            if own is not None:
                table[own] = place
        common.append(table[indices])
    where = common[0] != common[1]
    pairs = (common[0] * len(rows) + common[1])[where]
    kinds, counts = np.unique(pairs, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_SWAPS]
    swaps = tuple(
        Swap(
            rows[int(kinds[place]) // len(rows)].name,
            rows[int(kinds[place]) % len(rows)].name,
            float(counts[place] / first.size),
        )
        for place in order
    )
    return Difference(where, float(where.mean()), swaps)
