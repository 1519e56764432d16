"""Outlines of masks, filled again: exactly, or up to pixels at a border."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mutualseg.data import labelme
from mutualseg.data.labelme_writing import labelme_text
from mutualseg.data.outlines import outlines
from mutualseg.data.polygons import fill_polygon, outline_problem, paint

Mask = npt.NDArray[np.uint8]
NOTHING = 254


@st.composite
def masks(draw: st.DrawFn, values: int = 4) -> Mask:
    """Return masks of a few values: noise, or blocks of it, which have rims, holes and corners that touch."""
    height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = rng.integers(0, draw(st.integers(1, values)), (height, width)).astype(np.uint8)
    return coarse.repeat(size[0], 0).repeat(size[1], 1)


def scene(height: int = 120, width: int = 160, seed: int = 0) -> Mask:
    """Return a mask of a few smooth regions with holes, as predictions are."""
    rng = np.random.default_rng(seed)
    down, right = np.mgrid[:height, :width]
    waves: npt.NDArray[np.float64] = sum(
        rng.normal()
        * np.sin(right / rng.uniform(8, 40) + rng.uniform(0, 6))
        * np.cos(down / rng.uniform(8, 40))
        for _ in range(8)
    )
    mask: Mask = np.digitize(waves, [-0.8, 0.2, 1.0]).astype(np.uint8)
    return mask


def filled(mask: Mask, tolerance: float) -> Mask:
    found = np.full(mask.shape, NOTHING, np.uint8)
    for outline in outlines(mask, tolerance):
        assert outline_problem(outline.points) is None
        paint(found, fill_polygon(outline.points, *mask.shape), outline.value)
    return found


def at_border(mask: Mask) -> npt.NDArray[np.bool_]:
    """Return the pixels one of whose eight neighbors has another value."""
    padded = np.pad(mask, 1, mode="edge")
    height, width = mask.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    found: npt.NDArray[np.bool_] = np.any([each != mask for each in shifted], axis=0)
    return found


@settings(deadline=None, max_examples=200)
@given(masks())
def test_filled_outlines_are_the_mask(mask: Mask) -> None:
    assert np.array_equal(filled(mask, 0.0), mask)


def test_hand_values() -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[1:3, 1:4] = 1
    mask[1, 2] = 2
    found = outlines(mask)
    assert [outline.value for outline in found] == [0, 1, 2]
    assert [outline.is_at_edge for outline in found] == [True, False, False]
    around, cup, inside = (sorted(map(tuple, outline.points.tolist())) for outline in found)
    assert around == [(0, 0), (0, 4), (5, 0), (5, 4)]
    assert cup == [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 3)]
    assert inside == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_pixels_that_touch_at_a_corner_are_two_regions() -> None:
    mask = np.array([[1, 0], [0, 1]], np.uint8)
    assert sorted(outline.value for outline in outlines(mask)) == [0, 0, 1, 1]


@settings(deadline=None, max_examples=300)
@given(masks(), st.sampled_from([0.3, 0.75, 0.9]))
def test_fewer_corners_move_pixels_at_a_border_alone(mask: Mask, tolerance: float) -> None:
    found = filled(mask, tolerance)
    assert not ((found != mask) & ~at_border(mask)).any()
    assert not (found == NOTHING).any()


def test_a_scene_keeps_its_borders_closed_with_far_fewer_corners() -> None:
    mask = scene()
    exact, fewer = outlines(mask), outlines(mask, 0.9)
    found = filled(mask, 0.9)
    assert not (found == NOTHING).any()  # neighbors moved their common border alike
    assert 0 < (found != mask).mean() < 0.03
    assert len(exact) == len(fewer)
    assert sum(len(o.points) for o in fewer) < 0.4 * sum(len(o.points) for o in exact)


def test_a_pole_one_pixel_wide_stays() -> None:
    mask = np.zeros((30, 20), np.uint8)
    mask[3:27, 9] = 1
    mask[5, 3] = 2
    assert np.array_equal(filled(mask, 0.9), mask)


CLASSES = ("road", "background", "cell 10", "cell 2")


def round_trip(mask: Mask, classes: Sequence[str], folder: Path, tolerance: float) -> Mask:
    """Write a mask as LabelMe's file and read it as labels of an image are read."""
    image = folder / "photo.png"
    Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(image)
    file = folder / "photo.json"
    file.write_text(labelme_text(mask, classes, image.name, tolerance=tolerance), encoding="utf-8")
    assert labelme.is_labelme(file)
    drawn = labelme.draw_masks([file], {"photo.png": image}, classes)
    assert drawn.classes == tuple(classes)
    with Image.open(drawn.masks["photo.png"]) as read:
        return np.array(read)


@pytest.mark.parametrize("classes", [CLASSES, ("a", "b", "c", "d")])
def test_our_own_reader_draws_the_mask_again(tmp_path: Path, classes: tuple[str, ...]) -> None:
    mask = scene(60, 80, seed=1)
    mask[10:20, 10:20] = 255
    mask[12:14, 12:14] = 1  # background in a hole
    assert np.array_equal(round_trip(mask, classes, tmp_path, 0.0), mask)
    found = round_trip(mask, classes, tmp_path, 0.9)
    assert not ((found != mask) & ~at_border(mask)).any()
    assert (found != mask).mean() < 0.05


def test_what_the_file_says(tmp_path: Path) -> None:
    mask = np.ones((6, 9), np.uint8)
    mask[2:4, 3:6] = 3
    content = json.loads(labelme_text(mask, CLASSES, "../photos/a.jpg"))
    assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == ("../photos/a.jpg", 6, 9)
    assert content["imageData"] is None
    (shape,) = content["shapes"]  # background at the edge is what no shape covers
    assert (shape["label"], shape["shape_type"]) == ("cell 2", "polygon")
    assert sorted(map(tuple, shape["points"])) == [(3, 2), (3, 4), (6, 2), (6, 4)]


def painted(classes: Mask, tolerance: float = 0.0) -> Mask:
    """Return what is left of a map once it is outlined and painted again; 99 where nothing is painted."""
    again = np.full(classes.shape, 99, np.uint8)
    for outline in outlines(classes, tolerance):
        paint(again, fill_polygon(outline.points, *classes.shape), outline.value)
    return again


def waves(height: int = 90, width: int = 120) -> Mask:
    """Return a map of smooth regions, as networks predict them."""
    down, right = np.mgrid[:height, :width]
    field = np.sin(right / 17) + np.cos(down / 13 + right / 29) + 0.5 * np.sin(down / 7)
    found: Mask = np.digitize(field, [-0.7, 0.2, 1.0]).astype(np.uint8)
    return found


def test_one_pixel_has_four_corners_clockwise() -> None:
    classes = np.zeros((3, 4), np.uint8)
    classes[1, 2] = 7
    whole, pixel = outlines(classes)
    assert (whole.value, whole.is_at_edge) == (0, True)
    assert sorted(map(tuple, whole.points.tolist())) == [(0, 0), (0, 3), (4, 0), (4, 3)]
    assert (pixel.value, pixel.is_at_edge) == (7, False)
    corners = pixel.points.tolist()
    first = corners.index([2, 1])
    assert corners[first:] + corners[:first] == [[2, 1], [3, 1], [3, 2], [2, 2]]


def test_what_lies_inside_comes_later_and_a_hole_is_no_outline() -> None:
    classes = np.zeros((7, 7), np.uint8)
    classes[1:6, 1:6] = 1
    classes[2:5, 2:5] = 0
    classes[3, 3] = 2
    assert [outline.value for outline in outlines(classes)] == [0, 1, 0, 2]


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 255])
    )
)
def test_any_map_comes_back_pixel_by_pixel(classes: Mask) -> None:
    np.testing.assert_array_equal(painted(classes), classes)


def test_simplified_outlines_leave_no_pixel_out_and_keep_nearly_all() -> None:
    classes = waves()
    again = painted(classes, tolerance=1.0)
    assert not (again == 99).any()
    assert (again == classes).mean() > 0.98
    exact, simple = (sum(len(one.points) for one in outlines(classes, tolerance)) for tolerance in (0.0, 1.0))
    assert simple < exact / 3


def test_neighbors_share_their_simplified_line() -> None:
    down, right = np.mgrid[:40, :40]
    classes = (right > 5 + 0.6 * down).astype(np.uint8)
    one, other = (set(map(tuple, outline.points.tolist())) for outline in outlines(classes, 1.25))
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
