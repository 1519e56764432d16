"""Few images that hold as many classes as possible: for so few labels that each one must be chosen well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_MOST_LOOKS = 1_000_000
"""Looks at a group that the search takes: about a second."""


def cover_classes(holdings: Sequence[Sequence[int]], sizes: Sequence[int], most: int) -> list[int]:
    """Return groups of at most `most` images that together hold as many classes as possible.

    A search for few images and classes: it takes the class that the fewest groups hold and tries these
    groups, those with the most new classes first, then goes without that class. It is exact where it ends
    within a second, and else returns the best that it came upon.

    Args:
        holdings: The classes that each group holds, in the order of preference.
        sizes: Images in each group.
        most: Images that may be taken.

    Returns:
        Places of groups, ascending.
    """
    search = _Search(sizes)
    first: dict[tuple[int, int], int] = {}  # of groups that are alike the first will do
    for place, classes in enumerate(holdings):
        held = sum(1 << number for number in set(classes))
        if held:
            first.setdefault((held, sizes[place]), place)
    groups = {place: held for (held, _), place in first.items()}
    everything = 0
    for held in groups.values():
        everything |= held
    search.go(groups, everything, 0, most, [])
    return sorted(search.best)


class _Search:
    """Branch and bound; sets of classes are the bits of an integer.

    Args:
        sizes: Images in each group.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.best: list[int] = []
        """The groups that left the fewest classes out so far."""
        self._fewest = -1
        self._sizes = sizes
        self._looks = 0

    def go(self, groups: Mapping[int, int], missing: int, given_up: int, most: int, taken: list[int]) -> None:
        """Try every way on from the groups taken.

        Args:
            groups: The classes of each group that may yet be taken, by place.
            missing: Classes yet to be held.
            given_up: How many classes this branch goes without.
            most: Images that may yet be taken.
            taken: Groups of this branch.
        """
        left_out = missing.bit_count() + given_up
        if self._fewest < 0 or left_out < self._fewest:
            self.best, self._fewest = taken, left_out
        useful = {
            place: held & missing
            for place, held in groups.items()
            if held & missing and self._sizes[place] <= most
        }
        self._looks += len(groups)
        if not useful or self._looks > _MOST_LOOKS:
            return
        # Nothing that is left adds more classes per image than this.
        gain = max(held.bit_count() / self._sizes[place] for place, held in useful.items())
        if given_up + max(0.0, missing.bit_count() - gain * most) >= self._fewest:
            return
        held_by = [
            (sum(held >> number & 1 for held in useful.values()), number)
            for number in range(missing.bit_length())
            if missing >> number & 1
        ]
        given_up += sum(not times for times, _ in held_by)
        _, rarest = min(pair for pair in held_by if pair[0])
        holders = [place for place, held in useful.items() if held >> rarest & 1]
        holders.sort(key=lambda place: (-useful[place].bit_count(), self._sizes[place], place))
        possible = sum(1 << number for times, number in held_by if times)
        for place in holders:
            left = possible & ~useful[place]
            self.go(useful, left, given_up, most - self._sizes[place], [*taken, place])
        self.go(useful, possible & ~(1 << rarest), given_up + 1, most, taken)
