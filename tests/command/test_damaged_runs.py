"""Run folders that are damaged, in use or contradicted: a sentence each, and never a wrong result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mutualseg.engine.checkpoints import is_sound
from mutualseg.engine.sealed_checkpoint import write_sealed
from mutualseg.occupied import occupied
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

pytestmark = pytest.mark.slow

RUN: dict[str, Any] = {**SMALL, "steps": 4, "evaluate_every": 2, "checkpoint_every": 1}
ONE = ("--methods", "labels_only", "--seeds", "0")


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run, as a comparison made it."""
    from mutualseg.cli import main

    out = tmp_path_factory.mktemp("damaged-cmp") / "damaged-cmp"
    assert main(["compare", "--data", str(data), "--out", str(out), "--quiet", *ONE, *flags(RUN)]) == 0
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of it, as it was after its last checkpoint."""
    root = tmp_path / "run"
    shutil.copytree(trained / "runs/labels_only-5-s0", root)
    (root / "summary.json").unlink()
    return root


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _another(path: Path) -> None:
    torch.save({"state_dict": {}}, path)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "cut": _cut,
    "a bit": _flip,
    "another file": _another,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over(damage: str, run: Path, command: Command) -> None:
    DAMAGES[damage](run / "checkpoints/last.ckpt")
    before = (run / "metrics.csv").read_bytes()
    outcome = command("train", "--resume", "run")
    assert outcome.code == 0, outcome
    assert "last.ckpt' is damaged; going on from the checkpoint before it" in outcome.err
    # The damaged one has not become the one before, of which a sound one is still needed.
    assert [is_sound(run / f"checkpoints/{name}.ckpt") for name in ("last", "previous")] == [True, True]
    assert (run / "checkpoints/last.damaged").is_file()
    assert (run / "metrics.csv").read_bytes() == before


def test_without_a_sound_checkpoint_a_run_says_what_to_do(run: Path, command: Command) -> None:
    for name in ("last", "previous"):
        (run / f"checkpoints/{name}.ckpt").write_bytes(b"junk")
    outcome = command("train", "--resume", "run")
    assert outcome.code == 2
    assert "is damaged, and the one before it too; start the run anew with --overwrite" in outcome.err
    assert (run / "checkpoints/last.ckpt").read_bytes() == b"junk"


def test_a_checkpoint_that_does_not_fit_leaves_the_records_alone(run: Path, command: Command) -> None:
    """They are cut once it is taken in: with the right checkpoint put back, nothing of them is missing."""
    (run / "checkpoints/previous.ckpt").unlink()
    path = run / "checkpoints/last.ckpt"
    held = torch.load(path, weights_only=True)
    held["global_step"], held["state_dict"] = 1, {}
    with path.open("w+b") as file:
        write_sealed(held, file)
    before = {path: path.read_bytes() for path in (*run.glob("*.csv"), *run.glob("events*"))}
    outcome = command("train", "--resume", "run")
    assert outcome.code == 2
    assert "is no checkpoint of this run" in outcome.err
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_without_a_step_left_cuts_its_records_too(run: Path, command: Command) -> None:
    whole = (run / "metrics.csv").read_bytes()
    (run / "metrics.csv").write_bytes(whole + b"4,0.")
    assert command("train", "--resume", "run").code == 0
    assert (run / "metrics.csv").read_bytes() == whole


def test_a_comparison_begins_a_run_anew_that_cannot_go_on(
    trained: Path, data: Path, tmp_path: Path, command: Command
) -> None:
    shutil.copytree(trained, tmp_path / "cmp")
    run = tmp_path / "cmp/runs/labels_only-5-s0"
    before = json.loads((run / "summary.json").read_text())["miou"]
    (run / "summary.json").unlink()
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"junk")
    outcome = command("compare", "--data", data, "--out", "cmp", *ONE, *flags(RUN))
    assert outcome.code == 0, outcome
    assert json.loads((run / "summary.json").read_text())["miou"] == before


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"method": "cps"}'])
def test_a_damaged_summary_fails_that_run_alone(
    content: str, trained: Path, data: Path, tmp_path: Path, command: Command
) -> None:
    shutil.copytree(trained, tmp_path / "cmp")
    summary = tmp_path / "cmp/runs/labels_only-5-s0/summary.json"
    summary.write_text(content)
    words = ("compare", "--data", data, "--out", "cmp", "--seeds", "0", *flags(RUN))
    outcome = command(*words, "--methods", "labels_only,fixmatch")
    assert outcome.code == 1, outcome
    said = " ".join(outcome.out.split())
    assert "summary.json' is damaged; delete it, and the run goes on from its last checkpoint" in said
    assert (tmp_path / "cmp/runs/fixmatch-5-s0/summary.json").is_file()
    summary.unlink()
    assert command(*words, "--methods", "labels_only,fixmatch").code == 0


@pytest.mark.parametrize("words", [("--resume", "run"), ("--out", "run", "--overwrite")])
def test_a_run_folder_in_use_is_left_alone(
    words: tuple[str, ...], run: Path, data: Path, command: Command
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with occupied(run):
        outcome = command("train", "--data", data, *words, *(() if "--resume" in words else flags(RUN)))
    assert outcome.code == 2
    assert "Another training is at work in" in outcome.err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


CONTRADICTIONS = [
    ("--method cps", "--method.name cps contradicts the run in run (labels_only)"),
    ("--method.ema 0.5 --method labels_only", "--method.ema 0.5 contradicts the run in run (0.99)"),
    ("--evaluate-every 3", "--evaluate-every 3 contradicts the run in run (2)"),
    ("--views.flip false", "--views.flip False contradicts the run in run (True)"),
    ("--select best", "--select best contradicts the run in run (last)"),
    (
        "--optimization.encoder_rate 0.1",
        "--optimization.encoder_rate 0.1 contradicts the run in run (0.0002)",
    ),
    ("--precision bf16", "--precision bf16 contradicts the run in run (32)"),
    ("--budget 5min", "--budget 5min contradicts the run in run"),
    ("--accumulate 2", "--accumulate 2 contradicts the run in run (1)"),
]


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS)
def test_options_that_contradict_the_run_are_refused(
    options: str, message: str, run: Path, command: Command
) -> None:
    outcome = command("train", "--resume", "run", *options.split())
    assert outcome.code == 2, outcome
    assert message in outcome.err
    assert not (run / "summary.json").exists()


def test_options_that_are_those_of_the_run_are_not(run: Path, data: Path, command: Command) -> None:
    options = flags(RUN, checkpoint_every=None)
    outcome = command("train", "--resume", "run", "--data", data, "--method", "labels_only", *options)
    assert outcome.code == 0, outcome
