"""`mutualseg compare --budget`: runs get the same time, and steps of their own."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl

from mutualseg.comparison import running
from mutualseg.engine.signals import Signals
from tests.command.conftest import Command
from tests.command.made import flags

pytestmark = pytest.mark.slow

TIMED = ("--methods", "labels_only,mutual", "--seeds", "0", "--budget", "17s")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Advance by half a second at each look of a run on labels alone, by a second at that of another."""
    now = 0.0

    def perf_counter() -> float:
        nonlocal now
        now += 1.0 if (tmp_path / "cmp/runs/labels_only-5-s0/summary.json").is_file() else 0.5
        return now

    for module in ("fitting", "calibration"):
        monkeypatch.setattr(f"mutualseg.engine.{module}.time", SimpleNamespace(perf_counter=perf_counter))


@pytest.mark.usefixtures("clock")
def test_same_time_for_each_run_and_nothing_twice(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("compare", "--data", data, "--out", "cmp", *TIMED, *flags(steps=None, evaluate_every=None))
    outcome = command(*words)
    assert outcome.code == 0, outcome
    record = json.loads((tmp_path / "cmp/comparison.json").read_text(encoding="utf-8"))
    # Five evaluations and the rest in steps, each as long as the clock says.
    assert {row["method"]: row["steps"] for row in record["runs"]} == {"labels_only": 29, "mutual": 12}
    assert (record["settings"]["budget"], record["settings"]["steps"]) == ("17s", None)
    assert "Every run has 17s of time." in " ".join(outcome.out.split())

    def refuse(*arguments: object) -> None:
        raise AssertionError("a finished run is trained again")

    monkeypatch.setattr(running, "_train", refuse)
    again = command(*words)
    assert again.code == 0, again
    assert again.out == outcome.out


@pytest.mark.usefixtures("clock")
def test_an_interrupted_run_goes_on_with_the_steps_that_it_was_given(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Signals.on_train_batch_end
    config = tmp_path / "cmp/runs/mutual-5-s0/config.yaml"

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == 2 and config.is_file():
            signal.raise_signal(signal.SIGINT)
        original(self, trainer, *others)

    words = ("compare", "--data", data, "--out", "cmp", *TIMED, *flags(steps=None, evaluate_every=None))
    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        assert command(*words).code == 130
    before = config.read_bytes()
    assert b"steps: 12" in before
    outcome = command(*words)
    assert outcome.code == 0, outcome
    assert config.read_bytes() == before
    summary = json.loads((config.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["steps"] == 12
