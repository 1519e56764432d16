"""Outlines to pixels: a pixel belongs to a shape when its center lies inside.

Coordinates are in image space, as LabelMe, COCO and CVAT write them: x to the right, y down, and the pixel
in the top left corner covers [0,1) x [0,1), so that its center is (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FARTHEST = 1e7
"""Coordinates beyond are no pixels of any image, and would cost precision."""


_AT_ONCE = 2**23
"""Crossings of edges with lines of pixels that are in memory together: some 300 MB."""


class Patch(NamedTuple):
    """Which pixels of an image a shape covers, cut down to a box that lies within the image."""

    top: int
    left: int
    inside: npt.NDArray[np.bool_]
    """[h,w]; its first pixel is at (top, left) of the image."""


def paint(mask: npt.NDArray[np.uint8], patch: Patch, value: int) -> None:
    """Write a value into a mask [H,W], in place, wherever the patch covers it."""
    height, width = patch.inside.shape
    region = mask[patch.top : patch.top + height, patch.left : patch.left + width]
    region[patch.inside] = value


def outline_problem(points: npt.NDArray[np.float64]) -> str | None:
    """Say what is wrong with an outline [N,2]; None if it can be filled."""
    if len(points) < 3:
        return f"has {len(points)} points, and an outline needs at least 3"
    if not (np.abs(points) <= FARTHEST).all():
        return "has a coordinate that is no pixel position (infinite, not a number, or too large)"
    return None


def fill_polygon(points: npt.NDArray[np.float64], height: int, width: int) -> Patch:
    """Return the pixels whose centers lie inside a closed outline, by the even-odd rule.

    What an outline that crosses itself encloses twice is outside. A center on the outline belongs to the
    shape on its right or below it, so that neighbors with a common edge share no pixel and leave none out.
    A part thinner than a pixel may hold no center at all.

    Args:
        points: (x, y) of each corner, float64 [N,2], fit by `outline_problem`; they may lie outside.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
    """
    ends = np.concatenate([points[1:], points[:1]])
    # Each edge from its upper end to its lower one: neighbors then round a common edge alike.
    down = (points[:, 1] <= ends[:, 1])[:, None]
    (x0, y0), (x1, y1) = np.where(down, points, ends).T, np.where(down, ends, points).T
    # Row r has its centers at y = r + 0.5; an edge crosses those with y0 <= y < y1.
    first, last = _centers(y0, height), _centers(y1, height)
    top, bottom = int(first.min()), int(last.max())
    columns = _centers(points[:, 0], width)
    left, right = int(columns.min()), int(columns.max())
    # A row of the array is a column of the image: whole rows are combined several times as fast.
    shape = (right - left + 1, bottom - top)
    turns: npt.NDArray[np.bool_] | None = None
    for some in _portions(last - first):
        crossed = last[some] - first[some]
        edge = np.repeat(np.arange(some.start, some.stop), crossed)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - last[some], crossed)
        share = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
        column = _centers(x0[edge] + share * (x1 - x0)[edge], width)
        # Every crossing turns all pixels on its right inside out.
        place = (np.minimum(np.maximum(column, left), right) - left) * shape[1] + row - top
        own = (np.bincount(place, minlength=shape[0] * shape[1]) & 1).astype(np.bool_).reshape(shape)
        turns = own if turns is None else turns ^ own
    assert turns is not None
    return Patch(top, left, np.logical_xor.accumulate(turns, axis=0)[:-1].T)


def _portions(crossed: npt.NDArray[np.int64]) -> Iterator[slice]:
    """Yield runs of edges, nearly always one, whose crossings fit into memory; most cross few lines."""
    ends = np.cumsum(crossed)
    start = 0
    while start < len(crossed):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, "right")))
        yield slice(start, stop)
        start = stop


def fill_ellipse(
    center: tuple[float, float],
    radii: tuple[float, float],
    height: int,
    width: int,
    degrees: float = 0.0,
) -> Patch:
    """Return the pixels whose centers lie inside an ellipse.

    Args:
        center: (x, y).
        radii: Along its own x and y axes, both above 0.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        degrees: How far it is turned, clockwise as seen on the screen.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reach_x = math.hypot(radii[0] * cosine, radii[1] * sine)
    reach_y = math.hypot(radii[0] * sine, radii[1] * cosine)
    left, right = _centers(np.array([center[0] - reach_x, center[0] + reach_x]), width).tolist()
    top, bottom = _centers(np.array([center[1] - reach_y, center[1] + reach_y]), height).tolist()
    # One pixel more on the far sides: there a center may lie on the very edge.
    right, bottom = min(right + 1, width), min(bottom + 1, height)
    x = np.arange(left, right) + 0.5 - center[0]
    y = np.arange(top, bottom)[:, None] + 0.5 - center[1]
    along, across = x * cosine + y * sine, y * cosine - x * sine
    return Patch(top, left, (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1)


def rectangle(x0: float, y0: float, x1: float, y1: float, degrees: float = 0.0) -> npt.NDArray[np.float64]:
    """Return the corners [4,2] of a rectangle, turned clockwise about its center."""
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    if not degrees:
        return corners
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    turned: npt.NDArray[np.float64] = (corners - center) @ [[cosine, sine], [-sine, cosine]] + center
    return turned


def enclosed_area(points: npt.NDArray[np.float64]) -> float:
    """Return the area, in pixels, that an outline [N,2] encloses if it does not cross itself."""
    x, y = (points - points[0]).T  # from a corner on, so that the term of the closing edge is 0
    return abs(float(x[:-1] @ y[1:] - y[:-1] @ x[1:])) / 2


def _centers(positions: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    """Return the first of `size` pixels in a row whose center is not before each position, `size` if none."""
    return np.minimum(np.maximum(np.ceil(positions - 0.5), 0), size).astype(np.int64)
