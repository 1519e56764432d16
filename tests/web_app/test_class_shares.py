"""Shares of classes, and where two networks differ, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mutualseg.web_app.class_shares import class_rows, class_shares
from mutualseg.web_app.differences import difference


def test_shares_are_counts_by_pixels() -> None:
    indices = np.array([[0, 0, 2], [2, 2, 2]], np.uint8)
    assert class_shares(indices, 4) == pytest.approx((2 / 6, 0, 4 / 6, 0))


def test_rows_of_equal_classes_are_by_index_even_if_a_name_comes_twice() -> None:
    rows = class_rows((("a", "a", "b"), ("a", "a", "b")))
    assert [(row.name, row.places) for row in rows] == [("a", (0, 0)), ("a", (1, 1)), ("b", (2, 2))]


def test_rows_of_other_classes_are_by_name() -> None:
    rows = class_rows((("road", "car"), ("car", "sky", "sky")))
    assert [(row.name, row.places) for row in rows] == [
        ("road", (0, None)),
        ("car", (1, 0)),
        ("sky", (None, 1)),
        ("sky", (None, 2)),
    ]


def test_differences_are_of_names_not_of_indices() -> None:
    first = np.array([[0, 0, 1, 1]], np.uint8)
    second = np.array([[1, 1, 0, 2]], np.uint8)
    found = difference(first, second, ("road", "car"), ("car", "road", "sky"))
    assert found.where.tolist() == [[False, False, False, True]]
    assert found.share == 0.25
    assert found.swaps == (("car", "sky", 0.25),)


def test_the_most_frequent_swaps_come_first() -> None:
    first = np.array([[0, 0, 0, 1, 2, 2]], np.uint8)
    second = np.array([[1, 2, 2, 1, 0, 2]], np.uint8)
    swaps = difference(first, second, "abc", "abc").swaps
    assert [(swap.first, swap.second, round(6 * swap.share)) for swap in swaps] == [
        ("a", "c", 2),
        ("a", "b", 1),
        ("c", "a", 1),
    ]


def test_networks_that_agree_differ_nowhere() -> None:
    same = np.array([[0, 1]], np.uint8)
    assert difference(same, same, "ab", "ab").swaps == ()
