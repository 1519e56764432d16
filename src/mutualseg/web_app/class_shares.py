"""How much of an image each class takes, beside the shares that another network finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class ClassRow(NamedTuple):
    """One class in the table of one network or two."""

    name: str
    places: tuple[int | None, ...]
    """Its index in each network; None where a network does not know it."""


def class_shares(indices: npt.NDArray[np.uint8], num_classes: int) -> tuple[float, ...]:
    """Return the share of each class in [0, 1], of class indices uint8 [H,W]."""
    counts = np.bincount(indices.reshape(-1), minlength=num_classes)[:num_classes]
    return tuple(float(share) for share in counts / max(1, indices.size))


def class_rows(of_networks: Sequence[Sequence[str]]) -> list[ClassRow]:
    """Return the classes of one network or several, in the order in which they are first named.

    Classes are the same where their names are; networks with the very same list share it by index, so that
    a name may come twice.

    Args:
        of_networks: class names of each network, by index.
    """
    first = list(of_networks[0])
    if all(list(names) == first for names in of_networks):
        return [ClassRow(name, (index,) * len(of_networks)) for index, name in enumerate(first)]
    found: dict[tuple[str, int], list[int | None]] = {}
    for network, names in enumerate(of_networks):
        for index, name in enumerate(names):
            again = list(names[:index]).count(name)  # the second class of a name is another one
            row = found.setdefault((name, again), [None] * len(of_networks))
            row[network] = index
    return [ClassRow(name, tuple(places)) for (name, _), places in found.items()]
