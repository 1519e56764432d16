"""A disk that is full, read-only or gone in the middle of a run: one sentence, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

import mutualseg
from mutualseg.engine.checkpoints import Checkpoints, is_sound
from mutualseg.engine.event_file import EventFile
from tests.command.conftest import Command, Outcome
from tests.command.made import PROGRAM, SMALL, flags
from tests.command.test_train import assert_equal_runs

pytestmark = pytest.mark.slow

RUN: dict[str, Any] = {**SMALL, "method": "labels_only", "steps": 4, "checkpoint_every": 1}


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that nothing disturbed."""
    run = tmp_path_factory.mktemp("undisturbed") / "undisturbed"
    mutualseg.train(str(data), out=str(run), quiet=True, **RUN)
    return run


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int, int], None]:
    """Return a function that lets the system fail to keep a file, the n-th time it is asked to."""
    sync = os.fsync

    def fail(name: str, time: int, number: int) -> None:
        left = time

        def synced(descriptor: int) -> None:
            nonlocal left
            where = Path(f"/proc/self/fd/{descriptor}").readlink()
            if where.name.startswith(name):
                left -= 1
                if left == 0:
                    raise OSError(number, os.strerror(number))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", synced)

    return fail


def _is_one_sentence(outcome: Outcome) -> bool:
    return len([line for line in outcome.err.splitlines() if line.startswith("mutualseg: ")]) == 1


# A file, which time it is kept, the error; then what is said, and how many checkpoints there are.
FAULTS = [
    ("last.ckpt", 3, errno.ENOSPC, "checkpoints/last.ckpt", "free some space, then go on with", 2),
    ("metrics.csv", 1, errno.EDQUOT, "metrics.csv", "free some space, then go on with", 1),
    ("timing.csv", 2, errno.EROFS, "timing.csv", "make it writable, then go on with", 2),
    ("events.out", 4, errno.EIO, "events.out", "check path and rights, then go on with", 2),
    ("summary", 1, errno.EFBIG, "summary.json", "allow larger files", 2),
]


def test_a_checkpoint_has_the_events_kept_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, within, save, keep = 0, list[int](), Checkpoints.save, EventFile.save

    def counted(own: EventFile) -> None:
        nonlocal kept
        kept += 1
        keep(own)

    def saved(own: Checkpoints, trainer: pl.Trainer) -> None:
        before = kept
        save(own, trainer)
        within.append(kept - before)

    monkeypatch.setattr(EventFile, "save", counted)
    monkeypatch.setattr(Checkpoints, "save", saved)
    mutualseg.train(str(data), out="run", quiet=True, **{**RUN, "steps": 2})
    assert within == [1, 1, 0]  # two steps, and an end that is saved already


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="tells open files apart by /proc")
@pytest.mark.parametrize(("name", "time", "number", "named", "cure", "checkpoints"), FAULTS)
def test_a_file_that_cannot_be_kept_stops_the_run_and_loses_nothing(
    name: str,
    time: int,
    number: int,
    named: str,
    cure: str,
    checkpoints: int,
    data: Path,
    straight: Path,
    tmp_path: Path,
    command: Command,
    failing: Callable[[str, int, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing(name, time, number)
    words = ("train", "--data", data, "--out", "run", *flags(RUN))
    outcome = command(*words)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert (outcome.code, outcome.out) == (2, ""), outcome
    assert _is_one_sentence(outcome)
    said = outcome.err.splitlines()[-1]
    assert f"'run/{named}" in said
    assert f"cannot be written ({os.strerror(number)})" in said
    assert cure in said
    assert not list(tmp_path.rglob("*.partial"))
    assert not (tmp_path / "run/summary.json").exists()
    sound = [path.name for path in (tmp_path / "run/checkpoints").iterdir() if is_sound(path)]
    assert len(sound) == checkpoints
    again = ("train", "--resume", "run") if sound else (*words, "--overwrite")
    assert ("--resume run" in said) == bool(sound)
    outcome = command(*again)
    assert outcome.code == 0, outcome
    assert_equal_runs(tmp_path / "run", straight)
    kept = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert kept == ["last.ckpt", "previous.ckpt"]


def test_files_that_may_not_grow_stop_a_real_process(
    data: Path, straight: Path, tmp_path: Path, command: Command
) -> None:
    most = (straight / "checkpoints/last.ckpt").stat().st_size // 2

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    words = [*PROGRAM, "train", "--data", str(data), "--out", "run", *flags(RUN)]
    done = subprocess.run(words, cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert done.stderr.splitlines()[-1] == (
        "mutualseg: 'run/checkpoints/last.ckpt' cannot be written (File too large); allow larger files "
        "(ulimit -f, or another file system), then begin again with: mutualseg train --resume run"
    )
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "run/checkpoints").iterdir()) == []
    assert command(*words[3:], "--overwrite").code == 0
    assert_equal_runs(tmp_path / "run", straight)


def test_a_run_that_cannot_begin_leaves_nothing_in_the_way(
    data: Path, command: Command, failing: Callable[[str, int, int], None], tmp_path: Path
) -> None:
    failing("split.json", 1, errno.ENOSPC)
    words = ("train", "--data", data, "--out", "run", *flags(RUN, steps=1))
    outcome = command(*words)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(
        "mutualseg: 'run/split.json' cannot be used (No space left"
    )
    assert command(*words).code == 0


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_run_folder_that_is_moved_away(
    is_replaced: bool,
    data: Path,
    straight: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another run may have taken its place: nothing is written into that."""
    from mutualseg.engine.evaluation_rounds import EvaluationRounds

    evaluate, run, other = EvaluationRounds.on_train_batch_end, tmp_path / "run", tmp_path / "other"

    def moved(self: EvaluationRounds, trainer: Any, *others: Any) -> None:
        if trainer.global_step == 2 and not other.exists():
            run.rename(other)
            if is_replaced:
                (run / "checkpoints").mkdir(parents=True)
                (run / "config.yaml").write_text("another\n")
        evaluate(self, trainer, *others)

    monkeypatch.setattr(EvaluationRounds, "on_train_batch_end", moved)
    outcome = command("train", "--data", data, "--out", "run", *flags(RUN))
    assert outcome.code == 2, outcome
    assert outcome.err.splitlines()[-1] == (
        "mutualseg: The run folder 'run' is no longer there: moved, deleted or unmounted; put it back, then "
        "go on with: mutualseg train --resume run"
    )
    if is_replaced:
        assert {path.name for path in run.rglob("*")} == {"checkpoints", "config.yaml"}
        (run / "config.yaml").unlink()
        (run / "checkpoints").rmdir()
        run.rmdir()
    assert not run.exists()
    other.rename(run)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert command("train", "--resume", "run").code == 0
    assert_equal_runs(run, straight)
