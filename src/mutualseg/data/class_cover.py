"""Few images that hold as many classes as possible: for so few labels that each one must be chosen well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MOST_LOOKS = 1_000_000
"""Looks at a group that the search takes: about a second."""
_LEAST_LOOKS = 50
"""What a step costs in any case, in looks."""

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


def cover_classes(holds: Flags, sizes: Places, most: int) -> list[int]:
    """Return groups of at most `most` images that together hold as many classes as possible.

    A search for few images and classes: it takes the class that the fewest groups hold and tries these
    groups, those with the most new classes first, then goes without that class. It is exact where it ends
    within a second, and else returns the best that it came upon.

    Args:
        holds: Whether each of G groups holds each class, [G,K], in the order of preference.
        sizes: Images in each group, [G].
        most: Images that may be taken.

    Returns:
        Places of groups, ascending.
    """
    first: dict[tuple[bytes, int], int] = {}  # of groups that are alike the first will do
    for place in np.flatnonzero(holds.any(1)).tolist():
        first.setdefault((holds[place].tobytes(), int(sizes[place])), place)
    search = _Search(holds, sizes)
    search.go(np.array(sorted(first.values()), np.int64), np.asarray(holds.any(0)), 0, most, [])
    return sorted(search.best)


class _Search:
    """Branch and bound.

    Args:
        holds: Whether each group holds each class, [G,K].
        sizes: Images in each group, [G].
    """

    def __init__(self, holds: Flags, sizes: Places) -> None:
        self.best: list[int] = []
        """The groups that left the fewest classes out so far."""
        self._fewest = holds.shape[1] + 1
        self._holds = holds
        self._sizes = sizes
        self._looks = 0

    def go(self, groups: Places, missing: Flags, given_up: int, most: int, taken: list[int]) -> None:
        """Try every way on from the groups taken.

        Args:
            groups: Places of the groups that may yet be taken.
            missing: Classes yet to be held, [K].
            given_up: How many classes this branch goes without.
            most: Images that may yet be taken.
            taken: Groups of this branch.
        """
        left = int(missing.sum())
        if left + given_up < self._fewest:
            self.best, self._fewest = taken, left + given_up
        self._looks += max(_LEAST_LOOKS, len(groups))
        if not left or self._looks > _MOST_LOOKS:
            return
        new = self._holds[groups] & missing
        gains = new.sum(1)
        useful = (gains > 0) & (self._sizes[groups] <= most)
        groups, new, gains = groups[useful], new[useful], gains[useful]
        # Nothing that is left adds more classes per image than this.
        highest = (gains / self._sizes[groups]).max(initial=0.0)
        if given_up + max(0.0, left - highest * most) >= self._fewest:
            return
        times = new.sum(0)
        possible = times > 0
        given_up += left - int(possible.sum())
        rarest = int(np.argmin(np.where(possible, times, len(groups) + 1)))
        holders = np.flatnonzero(new[:, rarest])
        for row in holders[np.lexsort((holders, self._sizes[groups[holders]], -gains[holders]))].tolist():
            place = int(groups[row])
            rest = possible & ~new[row]
            self.go(groups, rest, given_up, most - int(self._sizes[place]), [*taken, place])
        possible[rarest] = False
        self.go(groups, possible, given_up + 1, most, taken)
