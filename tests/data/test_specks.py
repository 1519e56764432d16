"""Regions too small to be drawn."""

from __future__ import annotations

import numpy as np

from mutualseg.data.outlines import outlines
from mutualseg.data.polygons import fill_polygon
from mutualseg.data.specks import without_specks


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


def test_what_lies_inside_a_speck_goes_with_it() -> None:
    classes = np.zeros((9, 9), np.uint8)
    classes[3:6, 3:6] = 2
    classes[4, 4] = 3
    assert not without_specks(classes, 16).any()


def test_no_speck_remains_whatever_lies_beside_it() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = tuple(rng.integers(3, 14, 2))
        classes = rng.integers(0, rng.integers(2, 5), shape).astype(np.uint8)
        least = int(rng.integers(1, 20))
        cleaned = without_specks(classes, least)
        found = outlines(cleaned)
        areas = [fill_polygon(one.points, *cleaned.shape).inside.sum() for one in found]
        assert len(found) == 1 or min(areas) >= least
        np.testing.assert_array_equal(without_specks(cleaned, least), cleaned)
