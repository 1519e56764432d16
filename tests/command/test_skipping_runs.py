"""Files that vanish, change or come back while a run is on, with `--on-bad-image error` and `skip`."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from mutualseg.cli import main
from mutualseg.engine.signals import Signals
from tests.command.conftest import Command
from tests.command.made import flags, write_data
from tests.command.test_train import assert_equal_runs

pytestmark = pytest.mark.slow

SHORT: dict[str, Any] = {"steps": 4, "evaluate_every": 2, "method": "mean_teacher", "cache": "off"}
"""Without a cache, in which images outlive their files."""
COUNTS = {"train": 37, "val": 3, "test": 2}
At = Callable[[int, Callable[[], object]], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return 40 images that a run uses, so that two may be skipped; 8 are labeled, 3 are for val."""
    return write_data(tmp_path / "data", COUNTS, labeled=8)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an ordinary run on the same images, of which none is ever bad."""
    folder = tmp_path_factory.mktemp("straight")
    words = flags(
        **SHORT, data=write_data(folder / "data", COUNTS, labeled=8), out=folder / "run", quiet=True
    )
    assert main(["train", *words]) == 0
    return folder / "run"


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> At:
    """Return a function that lets something happen, once, before a step is drawn, scored or saved."""
    due: dict[int, Callable[[], object]] = {}
    original = Signals.on_train_batch_start if hasattr(Signals, "on_train_batch_start") else None

    def start(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        happen = due.pop(trainer.global_step + 1, None)
        if happen is not None:
            happen()
        if original is not None:
            original(self, trainer, *others)

    monkeypatch.setattr(Signals, "on_train_batch_start", start)
    return due.__setitem__


def _listed(run: Path) -> list[dict[str, str]]:
    with (run / "skipped.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return found


def test_without_bad_files_skipping_changes_nothing(
    root: Path, tmp_path: Path, command: Command, straight: Path
) -> None:
    run = tmp_path / "skip"
    assert command("train", "--data", root, "--out", run, *flags(**SHORT, on_bad_image="skip")).code == 0
    assert_equal_runs(straight, run)
    assert _summary(straight)["skipped_images"] == _summary(run)["skipped_images"] == []
    assert _listed(run) == []
    assert not (straight / "skipped.csv").exists()


def test_a_refusal_names_the_policy_where_it_would_help(root: Path, tmp_path: Path, command: Command) -> None:
    (root / "images/train/20.png").write_bytes(b"")
    refused = command("train", "--data", root, "--out", tmp_path / "run", *flags(**SHORT))
    assert refused.code == 2
    assert "--on-bad-image skip leaves out such files" in refused.err
    for index in range(10, 37):  # now one of 13 is more than 5 percent
        (root / f"images/train/{index}.png").unlink()
    (root / "images/train/09.png").write_bytes(b"")
    refused = command("train", "--data", root, "--out", tmp_path / "run", *flags(**SHORT))
    assert refused.code == 2
    assert "--on-bad-image" not in refused.err
    refused = command("train", "--data", root, "--out", tmp_path / "run", *flags(on_bad_image="skip"))
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "1 of 13 images (7.7%) cannot be used" in refused.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_files_are_skipped_counted_and_listed(
    root: Path, tmp_path: Path, command: Command, workers: int
) -> None:
    """One is found before the run; of the other, cut short behind its header, the run finds out itself."""
    (root / "masks/train/03.png").write_bytes(b"")
    broken = root / "images/train/20.png"
    broken.write_bytes(broken.read_bytes()[:3000])
    run = tmp_path / "run"
    words = flags(**SHORT, on_bad_image="skip", unlabeled_batch=10, workers=workers)
    done = command("train", "--data", root, "--out", run, *words)
    assert done.code == 0, done
    assert done.err.count("skipped (labeled): ") == done.err.count("skipped (unlabeled): ") == 1
    assert f"2 images were skipped: {run}/skipped.csv" in done.out
    first, second = _listed(run)
    assert (first["file"], first["part"], first["step"]) == (
        str(root / "images/train/03.png"),
        "labeled",
        "0",
    )
    assert "masks/train/03.png is an empty file" in first["reason"]
    assert (second["file"], second["part"]) == (str(broken), "unlabeled")
    assert 1 <= int(second["step"]) <= 4
    rows = [{"file": row["file"], "part": row["part"], "reason": row["reason"]} for row in (first, second)]
    assert _summary(run)["skipped_images"] == rows
    split = json.loads((run / "split.json").read_text())
    assert "train/03" not in split["labeled"]
    assert "train/20" in split["unlabeled"]
    if workers:
        alone = tmp_path / "alone"
        words = flags(**SHORT, on_bad_image="skip", unlabeled_batch=10)
        assert command("train", "--data", root, "--out", alone, *words).code == 0
        for name in ("metrics.csv", "skipped.csv"):
            assert (alone / name).read_bytes() == (run / name).read_bytes()


def test_a_checkpoint_comes_after_what_was_skipped_before_it(
    root: Path, tmp_path: Path, command: Command, at_step: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several CUDA processes vote only now and then: a file must be listed before it is not found again."""
    monkeypatch.setattr("mutualseg.engine.skipped_files.may_ask", lambda step, device: False)
    run, broken, saved = tmp_path / "run", root / "images/train/20.png", list[bytes]()
    broken.write_bytes(broken.read_bytes()[:3000])
    words = flags(**{**SHORT, "steps": 3}, on_bad_image="skip", unlabeled_batch=29, checkpoint_every=2)
    at_step(3, lambda: saved.append((run / "skipped.csv").read_bytes()))
    assert command("train", "--data", root, "--out", run, *words).code == 0
    assert saved[0].count(b"20.png") == 2


def test_too_many_that_vanish_stop_the_run_which_goes_on_once_they_are_back(
    root: Path, tmp_path: Path, command: Command, at_step: At
) -> None:
    """The count survives a resume, though files are still gone then, and each is listed once."""
    run, away = tmp_path / "run", tmp_path / "away"
    words = flags(**{**SHORT, "steps": 5}, on_bad_image="skip", unlabeled_batch=29, checkpoint_every=1)
    images = root / "images/train"
    at_step(2, lambda: (images / "30.png").unlink())
    at_step(3, lambda: images.rename(away))
    stopped = command("train", "--data", root, "--out", run, *words)
    assert stopped.code == 2
    assert "Traceback" not in stopped.err
    said = stopped.err.splitlines()[-1]
    assert "of 40 images" in said
    assert "restore them; step 3 is saved" in said
    assert f"mutualseg train --resume {run}" in said
    listed = _listed(run)
    assert len({row["file"] for row in listed}) == len(listed) > 2
    assert listed[0]["file"] == str(images / "30.png")
    assert command("train", "--resume", run).code == 2  # nothing is there
    away.rename(images)
    done = command("train", "--resume", run)
    assert done.code == 0, done
    again = _listed(run)
    assert [row["file"] for row in again] == [str(images / "30.png")]
    assert len(_summary(run)["skipped_images"]) == 1


def test_files_that_are_gone_when_a_run_is_resumed(
    root: Path, tmp_path: Path, command: Command, at_step: At
) -> None:
    """They stay in the order in which images are drawn, as files do that are there and broken."""
    run, other = tmp_path / "run", tmp_path / "other"
    gone = (root / "images/train/02.png", root / "images/train/30.png")
    words = flags(**SHORT, on_bad_image="skip", unlabeled_batch=29, batch=8, checkpoint_every=2)
    at_step(3, _interrupt)
    assert command("train", "--data", root, "--out", run, *words).code == 130
    shutil.copytree(run, other)
    for path in gone:
        path.write_bytes(b"")
    assert command("train", "--resume", run).code == 0
    for path in gone:
        path.unlink()
    done = command("train", "--resume", other)
    assert done.code == 0, done
    assert_equal_runs(run, other)
    for folder in (run, other):
        assert len(_listed(folder)) == 2
        assert all(int(row["step"]) == 3 for row in _listed(folder))
    assert {Path(row["file"]).stem for row in _listed(other)} == {"02", "30"}


def test_too_many_in_the_middle_of_a_step_are_told_alike(
    root: Path, tmp_path: Path, command: Command, at_step: At
) -> None:
    """Half a step cannot be saved: the run goes on from the checkpoint before."""
    run = tmp_path / "run"
    words = flags(**SHORT, on_bad_image="skip", accumulate=2, checkpoint_every=1)
    at_step(3, lambda: (root / "images/train").rename(tmp_path / "away"))
    stopped = command("train", "--data", root, "--out", run, *words)
    assert stopped.code == 2
    said = stopped.err.splitlines()[-1]
    assert "of 40 images" in said
    assert f"go on from the last checkpoint with: mutualseg train --resume {run}" in said


def _interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("policy", "step"), [("skip", 2), ("error", 4)])
def test_a_val_image_that_breaks_stops_the_run_which_goes_on_as_if_it_had_not(
    root: Path, tmp_path: Path, command: Command, straight: Path, at_step: At, policy: str, step: int
) -> None:
    run = tmp_path / "run"
    words = flags(**SHORT, on_bad_image=policy)
    image = root / "images/val/01.png"
    whole = image.read_bytes()
    at_step(step, lambda: image.write_bytes(b""))
    for stopped in (
        command("train", "--data", root, "--out", run, *words),
        command("train", "--resume", run),
    ):
        assert stopped.code == 2
        said = stopped.err.splitlines()[-1]
        assert f"{image} is an empty file" in said
        assert f"step {step} is saved" in said
        assert f"mutualseg train --resume {run}" in said
        assert ("never skipped" in said) == (policy == "skip")
    image.write_bytes(whole)
    assert command("train", "--resume", run).code == 0
    assert_equal_runs(straight, run)
