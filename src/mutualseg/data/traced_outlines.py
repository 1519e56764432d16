"""Class maps to outlines: what `polygons.fill_polygon` fills, the other way round.

Outlines run along the sides of pixels. Neighbors share the line between them, also once it is simplified, so
that no pixel is lost between two shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.polygons import fill_polygon

Indices = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""(x, y) of a step along a pixel's side: right, down, left, up. The pixel is on the right hand."""


class Outline(NamedTuple):
    """One connected region, with all that lies inside it."""

    value: int
    """Of the map, in the region."""
    points: Points
    """(x, y) of each corner, clockwise on the screen, [N,2]."""
    touches_border: bool
    """Whether a pixel of the region lies at the border of the map."""


def trace_outlines(classes: Indices, *, tolerance: float = 0.0) -> list[Outline]:
    """Return the outer outline of every region of equal values, the one that encloses most first.

    Painted one over the other in this order they give the map back: what lies inside a region comes after it.
    Regions are connected by sides of pixels.

    Args:
        classes: [H,W].
        tolerance: how far, in pixels, a simplified line may be from the sides of the pixels; 0 is exact.
    """
    cracks = _Cracks.of(classes)
    lines: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = {}
    found: list[tuple[float, Outline]] = []
    for loop in cracks.loops():
        area = _signed_area(np.array(loop.nodes, np.float64))
        if area < 0:  # the rim of a hole, which the regions inside have as their own outline
            continue
        nodes = _simplified(loop.nodes, cracks.junctions, tolerance, lines)
        points = np.array(nodes, np.float64)
        if len(nodes) < 3 or _signed_area(points) <= 0:  # thinner than the tolerance
            points = np.array(_straightened(loop.nodes), np.float64)
        found.append((area, Outline(loop.value, points, loop.touches_border)))
    found.sort(key=lambda pair: -pair[0])
    return [outline for _, outline in found]


def without_specks(classes: Indices, least: int) -> Indices:
    """Return a map in which regions of fewer than `least` pixels have the value that they border on most.

    Args:
        classes: [H,W].
        least: pixels that a region, with all that lies inside it, has at least.
    """
    cleaned = classes.copy()
    height, width = classes.shape
    for loop in _Cracks.of(classes).loops():
        points = np.array(loop.nodes, np.float64)
        if not 0 < _signed_area(points) < least or not loop.neighbors:
            continue
        values, counts = np.unique(loop.neighbors, return_counts=True)
        patch = fill_polygon(points, height, width)
        down, right = patch.inside.shape
        region = cleaned[patch.top : patch.top + down, patch.left : patch.left + right]
        region[patch.inside] = values[np.argmax(counts)]
    return cleaned


class _Loop(NamedTuple):
    value: int
    nodes: list[tuple[int, int]]
    """(x, y) of each corner of pixels on the way, the first not again at the end."""
    neighbors: list[int]
    """The value on the other side of each step, but for those along the border of the map."""
    touches_border: bool


@dataclass(frozen=True)
class _Cracks:
    """The sides of pixels between different values, and around the map, as steps between their corners."""

    padded: npt.NDArray[np.int16]
    """The map with a rim of -1, [H+2,W+2]."""
    there: list[npt.NDArray[np.bool_]]
    """For each step of `_STEPS` whether it can be taken from a corner, [H+1,W+1]."""
    junctions: npt.NDArray[np.bool_]
    """Corners where more than two lines meet, and those of the map, [H+1,W+1]: they stay."""

    @classmethod
    def of(cls, classes: Indices) -> _Cracks:
        padded = np.pad(classes.astype(np.int16), 1, constant_values=-1)
        # The four pixels around each corner.
        nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
        there = [
            (se != ne) & (se >= 0),  # right, along the top of the pixel to the south-east
            (sw != se) & (sw >= 0),  # down, along the right side of the one to the south-west
            (nw != sw) & (nw >= 0),  # left, along the bottom of the one to the north-west
            (ne != nw) & (ne >= 0),  # up, along the left side of the one to the north-east
        ]
        degree = sum(
            (one != other).astype(np.int8) for one, other in ((se, ne), (sw, se), (nw, sw), (ne, nw))
        )
        junctions = degree > 2
        junctions[[0, 0, -1, -1], [0, -1, 0, -1]] = True  # or a simplified line would cut them off
        return cls(padded, there, junctions)

    def loops(self) -> Iterator[_Loop]:
        """Yield every closed way, with its region on the right hand: clockwise, or around a hole."""
        left = [steps.copy() for steps in self.there]
        for step in range(4):
            for y, x in np.argwhere(self.there[step]).tolist():
                if left[step][y, x]:
                    yield self._follow(left, x, y, step)

    def _follow(self, left: list[npt.NDArray[np.bool_]], x: int, y: int, step: int) -> _Loop:
        # Of the pixels around a corner in `padded`, from the corner's own place on: (down, right) of the one
        # on the right hand and of the one on the left hand of each step.
        own_at, other_at = ((1, 1), (1, 0), (0, 0), (0, 1)), ((0, 1), (1, 1), (1, 0), (0, 0))
        value = int(self.padded[y + own_at[step][0], x + own_at[step][1]])
        nodes: list[tuple[int, int]] = []
        neighbors: list[int] = []
        touches = False
        while left[step][y, x]:
            left[step][y, x] = False
            nodes.append((x, y))
            other = int(self.padded[y + other_at[step][0], x + other_at[step][1]])
            if other < 0:
                touches = True
            else:
                neighbors.append(other)
            x, y = x + _STEPS[step][0], y + _STEPS[step][1]
            # Right first: pixels that only meet at a corner are not connected.
            for turn in (1, 0, 3):
                if self.there[(step + turn) % 4][y, x]:
                    step = (step + turn) % 4
                    break
        return _Loop(value, nodes, neighbors, touches)


_Nodes = list[tuple[int, int]]


def _simplified(
    nodes: _Nodes,
    junctions: npt.NDArray[np.bool_],
    tolerance: float,
    lines: dict[tuple[tuple[int, int], ...], _Nodes],
) -> _Nodes:
    """Return a loop with the lines between its junctions simplified, each alike from both of its sides.

    Args:
        nodes: of the loop.
        junctions: see `_Cracks`.
        tolerance: in pixels.
        lines: what earlier loops made of their lines; added to.
    """
    fixed = [place for place, (x, y) in enumerate(nodes) if junctions[y, x]]
    if not fixed:  # an island: it begins at its first corner, whoever walks around it
        start = min(range(len(nodes)), key=nodes.__getitem__)
        far = max(range(len(nodes)), key=lambda place: (_apart(nodes[place], nodes[start]), nodes[place]))
        fixed = sorted((start, far))
    found: _Nodes = []
    for place, begin in enumerate(fixed):
        end = fixed[(place + 1) % len(fixed)]
        line = nodes[begin : end + 1] if begin < end else nodes[begin:] + nodes[: end + 1]
        found += _line(line, tolerance, lines)[:-1]
    return found


def _apart(one: tuple[int, int], other: tuple[int, int]) -> int:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2


def _line(line: _Nodes, tolerance: float, lines: dict[tuple[tuple[int, int], ...], _Nodes]) -> _Nodes:
    """Return a line with fewer corners, the same one in reverse for the line in reverse."""
    is_turned = line[::-1] < line
    key = tuple(line[::-1] if is_turned else line)
    if key not in lines:
        points = np.array(key, np.float64)
        lines[key] = [key[place] for place in _kept_corners(points, tolerance)]
    found = lines[key]
    return found[::-1] if is_turned else found


def _kept_corners(points: Points, tolerance: float) -> list[int]:
    """Return the places of the corners that Douglas and Peucker (1973) keep, ascending.

    A line from end to end is taken where no corner is farther from it than the tolerance; else the farthest
    corner is kept, and both parts are looked at alike.
    """
    kept = {0, len(points) - 1}
    pending = [(0, len(points) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        between = points[first + 1 : last] - points[first]
        along = points[last] - points[first]
        length = float(np.hypot(*along))
        if length:
            far = np.abs(between[:, 0] * along[1] - between[:, 1] * along[0]) / length
        else:
            far = np.hypot(between[:, 0], between[:, 1])
        place = int(np.argmax(far))
        if far[place] > tolerance:
            middle = first + 1 + place
            kept.add(middle)
            pending += [(first, middle), (middle, last)]
    return sorted(kept)


def _straightened(nodes: _Nodes) -> _Nodes:
    """Return a loop without the corners at which it goes straight on."""
    before, after = nodes[-1:] + nodes[:-1], nodes[1:] + nodes[:1]
    return [
        (x, y)
        for (x, y), (x0, y0), (x1, y1) in zip(nodes, before, after, strict=True)
        if not (x0 == x == x1 or y0 == y == y1)
    ]


def _signed_area(points: Points) -> float:
    """Return what an outline encloses in pixels, positive if it runs clockwise on the screen."""
    x, y = points[:, 0], points[:, 1]
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2
