from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.polygons import (
    Patch,
    enclosed_area,
    fill_ellipse,
    fill_polygon,
    outline_problem,
    paint,
    rectangle,
)

Points = npt.NDArray[np.float64]
HEIGHT, WIDTH = 14, 17

coordinates = st.floats(-6, 24, width=32) | st.integers(-12, 48).map(lambda half: half / 2)
outlines = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9).map(
    lambda points: np.array(points, np.float64)
)


def drawn(patch: Patch, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.bool_]:
    mask = np.zeros((height, width), np.uint8)
    paint(mask, patch, 1)
    return np.asarray(mask == 1)


def turns_around(points: Points, x: float, y: float) -> int:
    """Count how often an outline goes around a place, by adding up angles."""
    angles = [math.atan2(py - y, px - x) for px, py in points]
    steps = (after - before for before, after in zip(angles, angles[1:] + angles[:1], strict=True))
    return round(sum((step + math.pi) % (2 * math.pi) - math.pi for step in steps) / (2 * math.pi))


def distance_to_edge(points: Points, x: float, y: float) -> float:
    nearest = math.inf
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = 0.0 if length == 0 else min(1, max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
        nearest = min(nearest, math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y))
    return nearest


@settings(max_examples=150, deadline=None)
@given(outlines)
def test_a_pixel_is_inside_if_its_center_is(points: Points) -> None:
    """The issue allows an error of one pixel; only rounding on the very edge is left."""
    found = drawn(fill_polygon(points, HEIGHT, WIDTH))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            x, y = column + 0.5, row + 0.5
            if distance_to_edge(points, x, y) > 1e-5:
                assert found[row, column] == (turns_around(points, x, y) % 2 == 1), (x, y)


@settings(max_examples=100, deadline=None)
@given(outlines)
def test_direction_and_start_of_an_outline_do_not_matter(points: Points) -> None:
    found = drawn(fill_polygon(points, HEIGHT, WIDTH))
    np.testing.assert_array_equal(found, drawn(fill_polygon(points[::-1], HEIGHT, WIDTH)))
    np.testing.assert_array_equal(found, drawn(fill_polygon(np.roll(points, 2, axis=0), HEIGHT, WIDTH)))


@settings(max_examples=100, deadline=None)
@given(outlines, st.data())
def test_neighbors_with_a_common_edge_share_no_pixel_and_leave_none_out(
    points: Points, data: st.DataObject
) -> None:
    """Cut into a fan of triangles, a polygon covers each pixel as often, by parity, as its parts do."""
    parity = np.zeros((HEIGHT, WIDTH), bool)
    for index in range(1, len(points) - 1):
        triangle = points[[0, index, index + 1]]
        parity ^= drawn(fill_polygon(triangle, HEIGHT, WIDTH))
    np.testing.assert_array_equal(parity, drawn(fill_polygon(points, HEIGHT, WIDTH)))


@given(st.integers(0, 17), st.integers(0, 17), st.integers(0, 14), st.integers(0, 14))
def test_a_rectangle_on_pixel_borders_is_exact(x0: int, x1: int, y0: int, y1: int) -> None:
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[min(y0, y1) : max(y0, y1), min(x0, x1) : max(x0, x1)] = True
    np.testing.assert_array_equal(drawn(fill_polygon(rectangle(x0, y0, x1, y1), HEIGHT, WIDTH)), expected)


def test_half_pixels_go_to_the_shape_on_their_right_and_below() -> None:
    left = drawn(fill_polygon(rectangle(0, 0, 1.5, 2), 2, 3), 2, 3)
    right = drawn(fill_polygon(rectangle(1.5, 0, 3, 2), 2, 3), 2, 3)
    np.testing.assert_array_equal(left, [[1, 0, 0]] * 2)
    np.testing.assert_array_equal(right, [[0, 1, 1]] * 2)


def test_an_outline_outside_the_image_covers_nothing_and_one_around_it_everything() -> None:
    for away in (rectangle(-9, -9, -2, -2), rectangle(40, 3, 50, 9), rectangle(2, 20, 5, 30)):
        assert not drawn(fill_polygon(away, HEIGHT, WIDTH)).any()
    assert drawn(fill_polygon(rectangle(-1e6, -1e6, 1e6, 1e6), HEIGHT, WIDTH)).all()


def test_what_an_outline_encloses_twice_is_outside() -> None:
    spiral = np.array([[0, 0], [8, 0], [8, 8], [2, 8], [2, 2], [6, 2], [6, 6], [0, 6]], np.float64)
    found = drawn(fill_polygon(spiral, 8, 8), 8, 8)
    assert not found[3, 3]
    assert found[0, 0]
    assert found[7, 4]


@pytest.mark.parametrize("degrees", [0, 30, 90, 217.5])
def test_an_ellipse_holds_the_centers_within_it(degrees: float) -> None:
    center, radii = (8.2, 6.9), (6.3, 3.1)
    found = drawn(fill_ellipse(center, radii, HEIGHT, WIDTH, degrees))
    angle = -math.radians(degrees)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            x, y = column + 0.5 - center[0], row + 0.5 - center[1]
            turned = (
                x * math.cos(angle) - y * math.sin(angle),
                x * math.sin(angle) + y * math.cos(angle),
            )
            size = math.hypot(turned[0] / radii[0], turned[1] / radii[1])
            if abs(size - 1) > 1e-9:
                assert found[row, column] == (size < 1)


def test_a_disc_of_half_a_pixel_is_its_pixel() -> None:
    found = drawn(fill_ellipse((3.5, 2.5), (0.5, 0.5), HEIGHT, WIDTH))
    assert np.argwhere(found).tolist() == [[2, 3]]


def test_a_rectangle_turns_clockwise() -> None:
    corners = rectangle(2, 4, 6, 6, 90)
    np.testing.assert_allclose(corners, [[5, 3], [5, 7], [3, 7], [3, 3]], atol=1e-12)
    slightly = rectangle(0, 4, 8, 6, 10)
    assert slightly[0, 1] < 4 < slightly[1, 1]  # the right end goes down


@pytest.mark.parametrize("degrees", [0, 33])
def test_the_area_of_a_rectangle(degrees: float) -> None:
    assert enclosed_area(rectangle(1, 2, 5, 12, degrees)) == pytest.approx(40)


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([[0, 0], [1, 1]], "2 points"),
        ([[0, 0], [1, 1], [math.nan, 2]], "no pixel position"),
        ([[0, 0], [1, 1], [math.inf, 2]], "no pixel position"),
        ([[0, 0], [1, 1], [1e300, 2]], "no pixel position"),
    ],
)
def test_what_cannot_be_filled_is_said(points: list[list[float]], problem: str) -> None:
    assert problem in str(outline_problem(np.array(points)))
