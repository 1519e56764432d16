"""Outlines with fewer corners (Douglas and Peucker); neighbors keep the border they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Corner = tuple[int, int]

_LEAST_SHARE = 0.5
"""An outline that would enclose less of its area, as of a pole one pixel wide, keeps all its corners."""


def simplified(
    corners: Sequence[Numbers], fixed: Sequence[npt.NDArray[np.bool_]], tolerance: float
) -> list[Numbers]:
    """Return outlines with fewer corners.

    A corner stays in all outlines that pass it or in none, so that neighbors keep their common border.

    Args:
        corners: (x, y) of each outline, [N,2].
        fixed: [N]: which corners stay, those where three outlines meet among them.
        tolerance: how far a corner that is left out may lie from what is left, in pixels.
    """
    kept: set[Corner] = set()
    for points, stay in zip(corners, fixed, strict=True):
        for piece in _pieces(points, stay):
            kept.update(_as_corners(piece[_essential(piece, tolerance)]))
    for points in corners:
        left = _only(points, kept)
        if abs(_area(left)) < _LEAST_SHARE * abs(_area(points)):
            kept.update(_as_corners(points))
    return [_only(points, kept) for points in corners]


def _pieces(points: Numbers, stay: npt.NDArray[np.bool_]) -> Iterator[Numbers]:
    """Yield a closed outline in pieces from one fixed corner to the next."""
    places = np.flatnonzero(stay)
    if not len(places):  # an island: cut at its first corner and at the one farthest from that
        first = int(np.lexsort((points[:, 1], points[:, 0]))[0])
        farthest = int(((points - points[first]) ** 2).sum(1).argmax())
        places = np.array(sorted((first, farthest)))
    around = np.concatenate([points[places[0] :], points[: places[0] + 1]])
    bounds = [*(places - places[0]).tolist(), len(points)]
    for begin, end in pairwise(bounds):
        yield around[begin : end + 1]


def _essential(piece: Numbers, tolerance: float) -> npt.NDArray[np.bool_]:
    """Return which corners of an open line stay, its ends among them."""
    keep = np.zeros(len(piece), np.bool_)
    keep[[0, -1]] = True
    pending = [(0, len(piece) - 1)]
    while pending:
        begin, end = pending.pop()
        if end - begin < 2:
            continue
        away = _distances(piece[begin + 1 : end], piece[begin], piece[end])
        farthest = int(away.argmax())
        if away[farthest] > tolerance:
            middle = begin + 1 + farthest
            keep[middle] = True
            pending += [(begin, middle), (middle, end)]
    return keep


def _distances(points: Numbers, begin: Numbers, end: Numbers) -> npt.NDArray[np.float64]:
    """Return how far points lie from a line between two places."""
    along = (end - begin).astype(np.float64)
    length = float(along @ along)
    away = points - begin
    share = np.clip(away @ along / length, 0, 1) if length else np.zeros(len(points))
    rest = away - share[:, None] * along
    distances: npt.NDArray[np.float64] = np.hypot(rest[:, 0], rest[:, 1])
    return distances


def _as_corners(points: Numbers) -> list[Corner]:
    return [(x, y) for x, y in points.tolist()]


def _only(points: Numbers, kept: set[Corner]) -> Numbers:
    return points[[corner in kept for corner in _as_corners(points)]]


def _area(points: Numbers) -> float:
    (x, y), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    return float((x * y1 - x1 * y).sum()) / 2
