"""What a run tells TensorBoard of its pseudo-labels: at each evaluation, and while it trains."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mutualseg.methods import METHODS
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

PAIRS = {
    "cps": ["student_a_student_b", "student_a_teacher_a", "student_b_teacher_a"],
    "mutual": [
        "student_a_student_b",
        *("student_a_teacher_a", "student_a_teacher_b", "student_b_teacher_a", "student_b_teacher_b"),
    ],
}
"""Of the methods with more networks than a student and its average."""


@pytest.mark.parametrize("method", METHODS)
def test_monitor_is_in_tensorboard_as_in_its_file(
    method: str, data: Path, tmp_path: Path, command: Command
) -> None:
    words = flags({**SMALL, "steps": 2, "evaluate_every": 1}, method=method)
    outcome = command("train", "--data", data, "--out", "run", *words)
    assert outcome.code == 0, outcome
    with (tmp_path / "run/monitor.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    apart = [name for name in rows[0] if name.startswith("disagree_")]
    assert apart == [f"disagree_{pair}" for pair in PAIRS.get(method, ["student_a_teacher_a"])]
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    tags = {tag: tag.replace(" ", "_") for tag in events.Tags()["scalars"]}
    logged = {spelled: events.Scalars(tag) for tag, spelled in tags.items()}
    for name in rows[0]:
        if name != "step":
            curve = logged[f"monitor/{name.replace(' ', '_')}"]
            assert [event.step for event in curve] == [1, 2]
            expected = [float(row[name]) for row in rows]
            assert [event.value for event in curve] == pytest.approx(expected, rel=1e-5)


def test_the_mean_of_both_teachers_is_drawn_where_it_teaches(
    data: Path, tmp_path: Path, command: Command
) -> None:
    words = flags({**SMALL, "steps": 2, "evaluate_every": 2}, method="mutual")
    taught = ("--method.taught_by", "mean", "--method.burn_in=0", "--method.ramp=0")
    outcome = command("train", "--data", data, "--out", "run", *words, *taught)
    assert outcome.code == 0, outcome
    with Image.open(tmp_path / "run/pseudo_labels/step_000002.png") as picture:
        assert picture.width > 3 * SMALL["crop"]


@pytest.mark.slow
def test_what_steps_log_is_in_tensorboard(data: Path, tmp_path: Path, command: Command) -> None:
    off = ("threshold", "peer_threshold", "burn_in", "ramp", "cooldown")
    taught = [f"--method.{name}=0" for name in off]
    words = flags(steps=40, evaluate_every=40)
    outcome = command("train", "--data", data, "--out", "run", *words, *taught)
    assert outcome.code == 0, outcome
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    for tag in ("loss", "kept", "students_disagree", "teacher_a_disagrees", "teacher_b_disagrees"):
        assert [event.step for event in events.Scalars(tag)] == list(range(2, 41, 2)), tag
