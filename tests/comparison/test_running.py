"""One run's folder: what a kill leaves, what a fault leaves, what a row takes from it; and the lock."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mutualseg.comparison.amounts import Amount
from mutualseg.comparison.failures import reason_of
from mutualseg.comparison.in_hand import in_hand, killed_run
from mutualseg.comparison.lock import LOCK, locked
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.record import read_record
from mutualseg.comparison.running import of_earlier_call, state_of
from mutualseg.comparison.variants import Variant
from mutualseg.data.samples import Split
from mutualseg.errors import RunError, TrainingError
from mutualseg.run_room import clear_remains, make_room
from mutualseg.runs import RunFolder
from mutualseg.step_rows import append_row

PLANNED = PlannedRun(
    Variant("mutual", {"name": "mutual"}, {}, {}), Amount(0, Split((), (), (), (), 0, "part")), 0
)


def test_only_a_kill_leaves_the_mark_of_the_run_in_hand(tmp_path: Path) -> None:
    assert killed_run(tmp_path) is None
    seen = []

    def train() -> None:
        with in_hand(tmp_path, "runs/a-6-s0"):
            seen.append(killed_run(tmp_path))
            raise TrainingError("It failed; lower the rates.")

    with pytest.raises(TrainingError):
        train()
    assert (seen, killed_run(tmp_path)) == (["runs/a-6-s0"], None)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "runs" / PLANNED.name)
    make_room(found, overwrite=False)
    return found


def summarized(folder: RunFolder, **more: Any) -> None:
    folder.write_summary(
        {"method": "mutual", "networks": {"teacher_a": 40.0}, "deployed": "teacher_a", "steps": 3}
        | {"seconds": 60, "training_seconds": 50, "commit": "abc"}
        | more
    )
    append_row(folder.metrics, {"step": 3, "miou_teacher_a": 41.0})


def test_kill_during_overwriting_leaves_a_run(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_config({"seed": 0})

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            make_room(folder, overwrite=True)
    make_room(folder, overwrite=True)
    assert not folder.config.exists()


def test_only_what_a_run_wrote_is_cleared(folder: RunFolder) -> None:
    append_row(folder.metrics, {"step": 3})
    clear_remains(folder)
    assert list(folder.root.iterdir()) == []
    (folder.root / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"'notes.txt', which no run wrote, .*move it away"):
        clear_remains(folder)
    assert (folder.root / "notes.txt").is_file()


def test_row_has_commit_and_method_arguments(folder: RunFolder, tmp_path: Path) -> None:
    summarized(folder)
    row = state_of(PLANNED, tmp_path, None)
    assert (row["miou_best"], row["commit"], "method_arguments" in row) == (41.0, "abc", False)
    summarized(folder, method_arguments={"ema": 0.9})
    assert state_of(PLANNED, tmp_path, None)["method_arguments"] == {"ema": 0.9}


def test_score_on_test_is_kept_while_the_same_network_counts(folder: RunFolder, tmp_path: Path) -> None:
    summarized(folder)
    scored = {"test_miou": 30.0, "test_network": "teacher_a"}
    row = state_of(PLANNED, tmp_path, scored)
    assert scored.items() <= row.items()
    for stale in ({**scored, "test_network": "student_a"}, {"test_miou": 30.0}):
        assert "test_miou" not in state_of(PLANNED, tmp_path, stale)
        assert "test_miou" not in of_earlier_call({**row, **stale, "test_network": "student_a"}, tmp_path)
    row.pop("commit")
    assert of_earlier_call(row, tmp_path) == {**row, "commit": "abc"}


def test_fault_leaves_its_traceback(folder: RunFolder) -> None:
    assert reason_of(TrainingError("It is lost; try again."), folder) == "It is lost; try again."
    assert not folder.error.exists()
    try:
        raise ValueError("first line\nsecond line")
    except ValueError as error:
        reason = reason_of(error, folder)
    assert reason == f"ValueError: first line; the traceback is in runs/{PLANNED.name}/error.txt."
    text = folder.error.read_text(encoding="utf-8")
    assert "Traceback" in text and "second line" in text  # noqa: PT018


def test_one_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    out = tmp_path / "cmp"
    with locked(out), pytest.raises(RunError, match=r"at work in --out .*; let it end first"), locked(out):
        pass
    with locked(out):
        pass
    assert [path.name for path in out.iterdir()] == [LOCK]
    assert read_record(out) is None  # a kill before the first record leaves no more than that
