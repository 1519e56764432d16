"""What a page says of how a run was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutualseg.run_report.curves_of_runs import compared_charts
from mutualseg.run_report.facts import training_facts
from mutualseg.run_report.record import Rows, RunRecord

RECORD = RunRecord(Path("a"), "a", {}, (), (), None, None, metrics=[], monitor=[], curves={})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"weights": "none"}, "random weights"),
        ({"weights": "imagenet"}, "weights of imagenet"),
        ({"weights": "imagenet", "init": "runs/first"}, "the network of runs/first"),
    ],
)
def test_where_it_started_from(config: dict[str, str], expected: str) -> None:
    assert dict(training_facts(replace(RECORD, config=config)))["started from"] == expected


def test_runs_side_by_side_have_their_disagreement() -> None:
    rows: Rows = [
        {"step": 5.0, "disagree_student_a_teacher_a": 4.0, "disagree_student_a_teacher_b": 8.0},
        {"step": 10.0, "disagree_student_a_teacher_a": 3.0, "disagree_student_a_teacher_b": None},
        {"step": 15.0, "kept": 50.0},
    ]
    one, other = (
        replace(RECORD, monitor=rows),
        replace(RECORD, name="b", monitor=[{"step": 5.0, "kept": 1.0}]),
    )
    *_, last = compared_charts([one, other])
    assert last.text == (
        "Disagreement on val, mean over pairs of networks, in percent of the pixels over steps. "
        "a: 6 % at step 5, 3 % at step 10."
    )
    assert [chart.title for chart in compared_charts([other])] == [
        "Pseudo-labels sure enough to teach on val, in percent of the pixels"
    ]
