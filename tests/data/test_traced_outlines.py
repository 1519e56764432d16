from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mutualseg.data.polygons import fill_polygon, paint
from mutualseg.data.traced_outlines import trace_outlines, without_specks

Indices = npt.NDArray[np.uint8]


def painted(classes: Indices, tolerance: float = 0.0) -> Indices:
    """Return what is left of a map once it is outlined and painted again; 99 where nothing is painted."""
    again = np.full(classes.shape, 99, np.uint8)
    for outline in trace_outlines(classes, tolerance=tolerance):
        paint(again, fill_polygon(outline.points, *classes.shape), outline.value)
    return again


def waves(height: int = 90, width: int = 120) -> Indices:
    """Return a map of smooth regions, as networks predict them."""
    down, right = np.mgrid[:height, :width]
    field = np.sin(right / 17) + np.cos(down / 13 + right / 29) + 0.5 * np.sin(down / 7)
    found: Indices = np.digitize(field, [-0.7, 0.2, 1.0]).astype(np.uint8)
    return found


def test_one_pixel_has_four_corners_clockwise() -> None:
    classes = np.zeros((3, 4), np.uint8)
    classes[1, 2] = 7
    whole, pixel = trace_outlines(classes)
    assert (whole.value, whole.touches_border) == (0, True)
    assert sorted(map(tuple, whole.points.tolist())) == [(0, 0), (0, 3), (4, 0), (4, 3)]
    assert (pixel.value, pixel.touches_border) == (7, False)
    corners = pixel.points.tolist()
    first = corners.index([2, 1])
    assert corners[first:] + corners[:first] == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_what_lies_inside_comes_later_and_a_hole_is_no_outline() -> None:
    classes = np.zeros((7, 7), np.uint8)
    classes[1:6, 1:6] = 1
    classes[2:5, 2:5] = 0
    classes[3, 3] = 2
    assert [outline.value for outline in trace_outlines(classes)] == [0, 1, 0, 2]


def test_pixels_that_meet_at_a_corner_are_two_regions() -> None:
    classes = np.array([[1, 0], [0, 1]], np.uint8)
    assert sorted(outline.value for outline in trace_outlines(classes)) == [0, 0, 1, 1]


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 255])
    )
)
def test_any_map_comes_back_pixel_by_pixel(classes: Indices) -> None:
    np.testing.assert_array_equal(painted(classes), classes)


def test_simplified_outlines_leave_no_pixel_out_and_keep_nearly_all() -> None:
    classes = waves()
    again = painted(classes, tolerance=1.0)
    assert not (again == 99).any()
    assert (again == classes).mean() > 0.98
    exact, simple = (
        sum(len(one.points) for one in trace_outlines(classes, tolerance=tolerance))
        for tolerance in (0.0, 1.0)
    )
    assert simple < exact / 3


def test_neighbors_share_their_simplified_line() -> None:
    down, right = np.mgrid[:40, :40]
    classes = (right > 5 + 0.6 * down).astype(np.uint8)
    one, other = (
        set(map(tuple, outline.points.tolist())) for outline in trace_outlines(classes, tolerance=1.25)
    )
    assert len(one & other) == 2  # a straight line from border to border
    assert one ^ other == {(0, 0), (0, 40), (40, 0), (40, 40)}


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 3.0])
def test_no_corner_is_farther_away_than_the_tolerance(tolerance: float) -> None:
    classes = waves()
    again = painted(classes, tolerance=tolerance)
    for down, right in np.argwhere(again != classes).tolist():
        reach = int(np.ceil(tolerance)) + 1
        around = classes[max(0, down - reach) : down + reach + 1, max(0, right - reach) : right + reach + 1]
        assert again[down, right] in around


def test_specks_become_part_of_what_they_border_on_most() -> None:
    classes = np.zeros((8, 10), np.uint8)
    classes[:, 5:] = 1
    classes[3, 4:7] = 2  # one pixel borders on 0 at three sides, two on 1 at five
    cleaned = without_specks(classes, 4)
    assert set(np.unique(cleaned)) == {0, 1}
    assert (cleaned[3, 4:7] == 1).all()
    np.testing.assert_array_equal(without_specks(classes, 3), classes)


def test_a_map_of_nothing_but_one_speck_stays() -> None:
    classes = np.full((2, 2), 3, np.uint8)
    np.testing.assert_array_equal(without_specks(classes, 50), classes)
