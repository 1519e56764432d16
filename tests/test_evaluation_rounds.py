"""Evaluations that fail, and are made up for later: nothing is judged or recorded twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from mutualseg.engine.evaluation_rounds import Evaluation, EvaluationRounds
from mutualseg.engine.event_file import has_event
from mutualseg.engine.tracking.run_logger import RunLogger
from mutualseg.errors import UnusableFileError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.step_rows import read_rows

FOUND = Evaluation({"student_a": cast(Any, SimpleNamespace(miou=50.0, per_class=[50.0]))}, {})
LAST = 8


def make_rounds(folder: Path, answers: list[Evaluation | None], looks: list[int]) -> EvaluationRounds:
    """Return rounds whose evaluations fail where there is no answer, with a guard that always rolls back."""

    def evaluate() -> Evaluation:
        answer = answers.pop(0)
        if answer is None:
            raise UnusableFileError("a file is bad.")
        return answer

    def look(step: int, row: object, trainer: object) -> bool:
        looks.append(step)
        return True

    return EvaluationRounds(
        RunFolder(folder),
        RunConsole(quiet=True),
        classes=["all"],
        evaluate=evaluate,
        every=4,
        before=lambda: None,
        after=lambda step, scores: None,
        guard=cast(Any, SimpleNamespace(look=look)),
    )


def make_up(rounds: EvaluationRounds) -> None:
    trainer = SimpleNamespace(
        global_step=LAST, logger=RunLogger(rounds.folder, ["tensorboard"], print, leads=True)
    )
    method = SimpleNamespace(deployed="student_a")
    rounds.make_up(cast(Any, trainer), cast(Any, SimpleNamespace(total_steps=LAST, latest={}, method=method)))


def test_a_rollback_is_not_done_again_once_the_file_is_back(tmp_path: Path) -> None:
    looks: list[int] = []
    rounds = make_rounds(tmp_path, [None, FOUND, None, None, FOUND], looks)
    rounds.load_state_dict({"training_seconds": 0.0, "evaluation_seconds": 0.0, "due": {}})
    seen = []
    for _ in range(3):
        with pytest.raises(UnusableFileError):
            make_up(rounds)
        seen.append(list(looks))
        rounds.load_state_dict(rounds.state_dict())
    assert seen == [[], [LAST], [LAST]]
    make_up(rounds)
    assert looks == [LAST]
    assert "due" not in rounds.state_dict()
    assert len(read_rows(rounds.folder.metrics)) == 1


def test_events_of_what_was_made_up_for_stand_once(tmp_path: Path) -> None:
    """Also if the run is killed after that, and goes on from the same checkpoint."""
    for _ in range(2):
        rounds = make_rounds(tmp_path, [FOUND, FOUND], [])
        rounds.load_state_dict({"training_seconds": 0.0, "evaluation_seconds": 0.0, "due": {}})
        make_up(rounds)
    tags = Counter(
        value.tag
        for path in tmp_path.glob("events.out.tfevents.*")
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    )
    assert tags == {"miou_student_a": 1, "iou_student_a/all": 1}
    assert not has_event(tmp_path, LAST - 1, "miou_student_a")
