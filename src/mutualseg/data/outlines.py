"""From a mask to outlines: around every connected region, in the order in which they have to be painted.

Outlines run along the sides of pixels, so that filling them gives the mask back. Holes are no shapes: what
lies in one is a region of its own, which comes later in the list and is painted over the one around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.simplified_outlines import simplified

_LINES = 256
"""Lines of a mask that are looked at together."""
_RIGHT, _DOWN, _LEFT, _UP = range(4)

Numbers = npt.NDArray[np.int64]


class Outline(NamedTuple):
    """The outer border of a region of one value, with what is in its holes inside it."""

    value: int
    points: npt.NDArray[np.float64]
    """(x, y) of each corner in image space, [N,2], clockwise on the screen."""
    is_at_edge: bool
    """Whether it touches the edge of the image, so that it lies in no other region's hole."""


class _Sides(NamedTuple):
    """Straight pieces of borders; a region lies on the right of its own."""

    start: Numbers
    """[S,2]: x and y of its first corner."""
    end: Numbers
    direction: int
    value: npt.NDArray[np.uint8]


def outlines(mask: npt.NDArray[np.uint8], tolerance: float = 0.0) -> list[Outline]:
    """Return the outlines of all regions of a mask [H,W], larger ones first.

    Pixels belong to one region if they have a side in common.

    Args:
        mask: any values.
        tolerance: how far in pixels a border may be moved to save corners. Below 1 only pixels that touch
            another region change. Neighbors keep their common border, so that no gaps arise.
    """
    width = mask.shape[1] + 1
    sides = list(_sides_of(mask))
    start = np.concatenate([side.start for side in sides])
    end = np.concatenate([side.end for side in sides])
    value = np.concatenate([side.value for side in sides])
    turn = np.concatenate([np.full(len(side.start), side.direction) for side in sides])
    following = _following(start, end, turn, width)
    keys = start[:, 1] * width + start[:, 0]
    fixed = _fixed(start, keys, mask.shape)
    loops = [loop for loop in _loops(following) if _area(start[loop]) > 0]
    corners = [start[loop] for loop in loops]
    at_edge = [bool(_on_edge(points, mask.shape).any()) for points in corners]
    areas = [_area(points) for points in corners]
    if tolerance > 0:
        corners = simplified(corners, [fixed[loop] for loop in loops], tolerance)
    else:
        corners = [_without_straight(points) for points in corners]
    found = [
        Outline(int(value[loop[0]]), points.astype(np.float64), edge)
        for loop, points, edge in zip(loops, corners, at_edge, strict=True)
    ]
    order = sorted(range(len(found)), key=lambda index: -areas[index])
    return [found[index] for index in order]


def _sides_of(mask: npt.NDArray[np.uint8]) -> Iterator[_Sides]:
    for direction, line, first, last, value in _runs(mask):
        if direction == _RIGHT:
            yield _Sides(_places(first, line), _places(last + 1, line), _RIGHT, value)
        else:
            yield _Sides(_places(last + 1, line + 1), _places(first, line + 1), _LEFT, value)
    for direction, line, first, last, value in _runs(mask.T):
        if direction == _RIGHT:  # the left side of a column is walked upward
            yield _Sides(_places(line, last + 1), _places(line, first), _UP, value)
        else:
            yield _Sides(_places(line + 1, first), _places(line + 1, last + 1), _DOWN, value)


def _places(x: Numbers, y: Numbers) -> Numbers:
    return np.stack([x, y], axis=1)


def _runs(
    mask: npt.NDArray[np.uint8],
) -> Iterator[tuple[int, Numbers, Numbers, Numbers, npt.NDArray[np.uint8]]]:
    """Yield runs of pixels along lines whose neighbors above (`_RIGHT`) or below (`_LEFT`) have other values.

    A run ends where its own value or that of its neighbors changes.

    Yields:
        Which side, then of each run: its line, first and last pixel, and value.
    """
    height, width = mask.shape
    for top in range(0, height, _LINES):
        lines = np.ascontiguousarray(mask[top : top + _LINES])
        for direction, shift in ((_RIGHT, -1), (_LEFT, 1)):
            others = np.empty(lines.shape, np.int16)
            places = np.arange(top, top + len(lines)) + shift
            inside = (places >= 0) & (places < height)
            others[inside] = mask[places[inside]]
            others[~inside] = -1
            differs = lines != others
            breaks = np.ones((len(lines), width + 1), np.bool_)
            breaks[:, 1:-1] = (lines[:, 1:] != lines[:, :-1]) | (others[:, 1:] != others[:, :-1])
            line, first = np.nonzero(differs & breaks[:, :-1])
            last = np.nonzero(differs & breaks[:, 1:])[1]
            yield direction, line + top, first, last, lines[line, first]


def _following(start: Numbers, end: Numbers, turn: Numbers, width: int) -> Numbers:
    """Return which side goes on where each one ends: to the right if it can, else straight, else left."""
    keys = (start[:, 1] * width + start[:, 0]) * 4 + turn
    order = np.argsort(keys)
    ends = (end[:, 1] * width + end[:, 0]) * 4
    found = np.full(len(keys), -1, np.int64)
    for change in (3, 0, 1):  # the last one that is there counts
        wanted = ends + (turn + change) % 4
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        there = keys[order[place]] == wanted
        found[there] = order[place[there]]
    return found


def _loops(following: Numbers) -> Iterator[Numbers]:
    onward = following.tolist()
    seen = bytearray(len(onward))
    for first in range(len(onward)):
        if seen[first]:
            continue
        loop, side = [], first
        while not seen[side]:
            seen[side] = 1
            loop.append(side)
            side = onward[side]
        yield np.array(loop)


def _fixed(start: Numbers, keys: Numbers, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return which corners stay: where three regions or more meet, and those on the edge of the image."""
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    met: npt.NDArray[np.bool_] = counts[which] >= 3
    return met | _on_edge(start, shape)


def _on_edge(points: Numbers, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    x, y = points[:, 0], points[:, 1]
    found: npt.NDArray[np.bool_] = (x == 0) | (y == 0) | (x == shape[1]) | (y == shape[0])
    return found


def _area(points: Numbers) -> int:
    """Return what a loop encloses, negative for one around a hole."""
    (x, y), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    return int((x * y1 - x1 * y).sum()) // 2


def _without_straight(points: Numbers) -> Numbers:
    """Leave out corners at which an outline goes straight on, where two other regions meet."""
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns: npt.NDArray[np.bool_] = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return points[turns]
