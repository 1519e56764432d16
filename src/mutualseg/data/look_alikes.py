"""Images whose fingerprints nearly agree, found among a million without comparing all pairs.

Locality-sensitive hashing by bit sampling (Indyk and Motwani 1998): fingerprints that agree in a few bits
drawn at random are compared whole, and this is repeated with other bits. Look-alikes agree in most bits, so
they meet in one of the rounds nearly always; others seldom do. The bits are the same in every call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.fingerprints import WORDS

Prints = npt.NDArray[np.uint64]
"""Fingerprints, [N,4]; one of zeros only is like no other."""

_ROUNDS = 32
_MORE_BITS = 4
"""Bits of a round beyond log2 of the images: other images then meet rarely."""
_COMPARISONS = 40
"""Per image and round at most; only thousands of images that are similar without being alike need more."""
_LEAST_COMPARISONS = 2_000_000
_AT_ONCE = 1 << 18


class LookAlikes(NamedTuple):
    """What was found."""

    like: npt.NDArray[np.int64]
    """[N]: for each fingerprint the place of one that it is like, -1 where there is none."""
    complete: bool
    """False if so many were similar that the search was cut short; there may then be more look-alikes."""


def alike(one: Prints, other: Prints) -> npt.NDArray[np.bool_]:
    """Tell which pairs of fingerprints [N,4] are alike, bool [N].

    At least three quarters of the places that get brighter in either image do so in both. On road scenes the
    same image in another encoding or size shares 0.85 and more of them, the next of 15 frames a second from a
    moving car about 0.8, and an image of another drive 0.5 at most.
    """
    both = _count(one & other)
    return np.asarray((7 * both >= 3 * (_count(one) + _count(other))) & (both > 0))


def look_alikes_within(prints: Prints) -> LookAlikes:
    """Find for each fingerprint an earlier one that it is like."""
    places = np.flatnonzero(prints.any(axis=1))
    known = prints[places]

    def candidates(keys: _Keys) -> _Candidates:
        ordered = keys(known)
        order = np.argsort(ordered, kind="stable")
        ordered = ordered[order]
        starts = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
        count = np.arange(len(order)) - first
        return _Candidates(order, count, lambda row, step: order[row - 1 - step])

    return _put_back(_search(known, known, candidates), len(prints), places, places)


def look_alikes_among(prints: Prints, references: Prints) -> LookAlikes:
    """Find for each fingerprint one of the references that it is like; places are those of references."""
    places, theirs = np.flatnonzero(prints.any(axis=1)), np.flatnonzero(references.any(axis=1))
    asked, known = prints[places], references[theirs]

    def candidates(keys: _Keys) -> _Candidates:
        ordered = keys(known)
        order = np.argsort(ordered, kind="stable")
        ordered, wanted = ordered[order], keys(asked)
        first = np.searchsorted(ordered, wanted, "left")
        count = np.searchsorted(ordered, wanted, "right") - first
        return _Candidates(np.arange(len(asked)), count, lambda row, step: order[first[row] + step])

    return _put_back(_search(asked, known, candidates), len(prints), places, theirs)


def groups_of(like: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each place the first one of its group; `like` [N] names an earlier place or -1."""
    first = np.where(like >= 0, like, np.arange(len(like)))
    while True:
        further = first[first]
        if np.array_equal(further, first):
            return first
        first = further


_Keys = Callable[[Prints], npt.NDArray[np.uint64]]
_Places = npt.NDArray[np.int64]


class _Candidates(NamedTuple):
    """Whom to compare in one round: row r of the table is fingerprint place[r], with counts[r] candidates."""

    place: npt.NDArray[Any]
    counts: npt.NDArray[Any]
    at: Callable[[_Places, int], npt.NDArray[Any]]
    """Of rows and a number below their counts: the candidates' places."""


def _put_back(found: LookAlikes, count: int, places: _Places, theirs: _Places) -> LookAlikes:
    """Return what was found for some of `count` fingerprints as places among all."""
    like = np.full(count, -1, np.int64)
    hits = np.flatnonzero(found.like >= 0)
    like[places[hits]] = theirs[found.like[hits]]
    return LookAlikes(like, found.complete)


def _search(prints: Prints, others: Prints, candidates: Callable[[_Keys], _Candidates]) -> LookAlikes:
    like = np.full(len(prints), -1, np.int64)
    complete = True
    if not len(prints) or not len(others):
        return LookAlikes(like, complete)
    rng = np.random.default_rng(16)
    bits = min(32, len(others).bit_length() + _MORE_BITS)
    for _ in range(_ROUNDS):
        chosen = rng.choice(64 * WORDS, bits, replace=False)
        table = candidates(lambda given, chosen=chosen: _sampled(given, chosen))  # type: ignore[misc]
        rows = np.flatnonzero((table.counts > 0) & (like[table.place] < 0))
        left = max(_COMPARISONS * len(prints), _LEAST_COMPARISONS)
        step = 0
        while len(rows) and left > 0:
            left -= len(rows)
            places, partners = table.place[rows], table.at(rows, step)
            hits = _alike_at(prints, places, others, partners)
            like[places[hits]] = partners[hits]
            step += 1
            rows = rows[np.logical_not(hits) & (table.counts[rows] > step)]
        complete = complete and not len(rows)
    return LookAlikes(like, complete)


def _alike_at(
    prints: Prints, places: npt.NDArray[Any], others: Prints, partners: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Compare in pieces, so that the copies of fingerprints stay small."""
    hits: npt.NDArray[np.bool_] = np.empty(len(places), np.bool_)
    for start in range(0, len(places), _AT_ONCE):
        piece = slice(start, start + _AT_ONCE)
        hits[piece] = alike(prints[places[piece]], others[partners[piece]])
    return hits


def _sampled(prints: Prints, chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return some bits of each fingerprint as one number, [N]."""
    keys = np.zeros(len(prints), np.uint64)
    for bit in chosen.tolist():
        keys = keys << np.uint64(1) | prints[:, bit // 64] >> np.uint64(bit % 64) & np.uint64(1)
    return keys


def _count(words: Prints) -> npt.NDArray[np.int64]:
    """Return the number of ones in each row, [N]."""
    return np.asarray(_ones(words).sum(axis=1, dtype=np.int64))


def _ones_before_numpy_2(words: Prints) -> npt.NDArray[Any]:
    pairs = words - (words >> np.uint64(1) & np.uint64(0x5555555555555555))
    low = np.uint64(0x3333333333333333)
    fours = (pairs & low) + (pairs >> np.uint64(2) & low)
    eights = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    counts: npt.NDArray[np.uint64] = eights * np.uint64(0x0101010101010101) >> np.uint64(56)
    return counts


_ones: Callable[[Prints], npt.NDArray[Any]] = getattr(np, "bitwise_count", _ones_before_numpy_2)
