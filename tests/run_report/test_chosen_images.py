"""Which images are shown."""

from __future__ import annotations

import pytest

from mutualseg.run_report.chosen_images import choose_images


def test_best_median_and_worst_of_many() -> None:
    chosen = choose_images([{f"{score:02d}": float(score) for score in range(11)}])
    assert chosen == [
        *[("best", "10"), ("best", "09")],
        *[("median", "06"), ("median", "05")],
        *[("worst", "01"), ("worst", "00")],
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, [("only", "0")]),
        (2, [("better", "1"), ("worse", "0")]),
        (3, [("best", "2"), ("median", "1"), ("worst", "0")]),
        (5, [("best", "4"), ("median", "2"), ("worst", "0")]),
    ],
)
def test_few_images_are_shown_once(count: int, expected: list[tuple[str, str]]) -> None:
    assert choose_images([{str(score): float(score) for score in range(count)}]) == expected


def test_several_runs_share_images_by_their_mean() -> None:
    one = {"a": 90.0, "b": 50.0, "c": 10.0, "only one has it": 100.0}
    other = {"a": 20.0, "b": 70.0, "c": 30.0}
    assert choose_images([one, other], 1) == [("best", "b"), ("median", "a"), ("worst", "c")]


def test_equal_scores_are_told_apart_by_name() -> None:
    chosen = choose_images([{"c": 1.0, "a": 1.0, "b": 1.0}], 1)
    assert [name for _, name in chosen] == ["a", "b", "c"]
