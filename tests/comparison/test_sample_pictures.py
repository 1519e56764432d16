"""Which runs the pictures show."""

from __future__ import annotations

from mutualseg.comparison.sample_pictures import shown_runs
from tests.comparison.made import row


def test_the_fewest_labels_where_all_are_done() -> None:
    rows = [row(label, seed, 40.0, images=images) for images in (12, 6) for seed in (1, 0) for label in "ab"]
    assert [one["run"] for one in shown_runs(rows)] == ["runs/a-6-s0", "runs/b-6-s0"]


def test_more_labels_if_some_method_lacks_the_fewest() -> None:
    rows = [row("a", 0, 40.0), row("b", 0, None), row("a", 0, 40.0, images=12), row("b", 0, 40.0, images=12)]
    assert [one["run"] for one in shown_runs(rows)] == ["runs/a-12-s0", "runs/b-12-s0"]


def test_nothing_is_finished() -> None:
    assert shown_runs([row("a", 0, None)]) == []
