"""What may be claimed, against values made by hand."""

from __future__ import annotations

import pytest

from mutualseg.comparison.verdicts import gain, spread, verdict, verdicts_of
from mutualseg.engine.summary import counted_network

CASES = [
    ({0: 40.0, 1: 42.0}, {0: 37.0, 1: 38.0}, "ahead"),  # leads 3 and 4, spread 2
    ({0: 37.0, 1: 38.0}, {0: 40.0, 1: 42.0}, "behind"),
    ({0: 40.0, 1: 42.0}, {0: 39.0, 1: 39.0}, "tie"),  # leads 1 and 3: their mean is the spread of 2
    ({0: 40.0, 1: 42.0}, {0: 39.0, 1: 38.9}, "ahead"),  # 2.05 is more than 2
    ({0: 40.0, 1: 40.0, 2: 44.0}, {0: 40.5, 1: 36.0, 2: 36.0}, "tie"),  # one seed is lost
    ({0: 50.0, 1: 50.0}, {0: 40.0, 1: 49.0}, "tie"),  # the rival's own spread counts too
    ({0: 40.0}, {0: 10.0}, "one seed"),
    ({0: 40.0, 1: 41.0}, {1: 10.0, 2: 11.0}, "one seed"),
    ({0: 40.0}, {1: 40.0}, None),
    ({}, {}, None),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), CASES)
def test_verdict(ours: dict[int, float], theirs: dict[int, float], expected: str | None) -> None:
    assert verdict(ours, theirs) == expected


def test_gain_and_spread() -> None:
    assert gain({0: 4.0, 1: 6.0, 2: 100.0}, {0: 1.0, 1: 2.0}) == 3.5
    assert gain({0: 1.0}, {}) is None
    assert spread([3.0, 1.0, 2.0]) == 2.0


def test_one_network_counts() -> None:
    networks = {"student_a": 40.0, "teacher_a": 39.0, "teachers_mean": 50.0}
    assert counted_network("mutual", networks, "teacher_a") == "teacher_a"
    assert counted_network("labels_only", networks, "teacher_a") == "student_a"
    assert counted_network("labels_only", {"student_a": 40.0, "teacher_a": 41.0}, "teacher_a") == "teacher_a"
    # Of equal ones the deployed one, whose weights are there.
    assert counted_network("labels_only", {"student_a": 40.0, "teacher_a": 40.0}, "teacher_a") == "teacher_a"


def test_verdicts_are_per_amount_and_rival() -> None:
    scores = {
        12: {"mutual": {0: 50.0, 1: 51.0}, "cps": {0: 50.5, 1: 50.5}},
        6: {"mutual": {0: 40.0, 1: 41.0}, "cps": {0: 30.0, 1: 31.0}, "late": {}},
    }
    assert verdicts_of(scores, "mutual") == [
        {"label": "mutual", "rival": "cps", "labeled_images": 6, "verdict": "ahead", "lead": 10.0},
        {"label": "mutual", "rival": "cps", "labeled_images": 12, "verdict": "tie", "lead": 0.0},
    ]
    assert verdicts_of(scores, "absent") == []
