"""Runs in which something goes wrong: steps that are not finite, and pseudo-labels that collapse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

import mutualseg
from mutualseg.engine.checkpoints import Checkpoints
from mutualseg.losses.consistency import PseudoLabels, pseudo_labels
from mutualseg.methods.base import Progress
from mutualseg.methods.fixmatch import FixMatch
from mutualseg.types import Batch, StepOutput
from tests.command.conftest import Command
from tests.command.made import SMALL, flags
from tests.command.test_resume import assert_exact

TAUGHT: dict[str, Any] = {"name": "fixmatch", "threshold": 0.0, "burn_in": 0.5, "ramp": 0.0, "cooldown": 0.0}


class KilledError(Exception):
    """Stands for a kill: the run ends where it is, and saves nothing more."""


def train(data: Path, out: Path, method: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {**SMALL, "method": dict(method), **changes}
    return mutualseg.train(str(data), out=str(out), quiet=True, **settings)


@pytest.fixture
def killed_before(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets runs that follow end at a step, before it is saved; at 0 none does."""
    original = Checkpoints.on_train_batch_end
    at = [0]

    def end(self: Checkpoints, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == at[0]:
            raise KilledError
        original(self, trainer, *others)

    monkeypatch.setattr(Checkpoints, "on_train_batch_end", end)
    return lambda step: at.__setitem__(0, step)


def guard_of(run: Path) -> dict[str, Any]:
    """Return the guard's state in a run's last checkpoint."""
    held: dict[str, Any] = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["callbacks"]
    return held["CollapseGuard"]  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_run_goes_on_exactly_across_a_skipped_step(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_before: Callable[[int], None]
) -> None:
    step = FixMatch.step

    def spoiled(self: FixMatch, batch: Batch, progress: Progress) -> StepOutput:
        output = step(self, batch, progress)
        if progress.step in (2, 5):
            output.losses["supervised"] = output.losses["supervised"] * float("nan")
        return output

    monkeypatch.setattr(FixMatch, "step", spoiled)
    options: dict[str, Any] = {"steps": 8, "evaluate_every": 3, "checkpoint_every": 4}
    killed_before(0)
    summary = train(data, tmp_path / "straight", TAUGHT, **options)
    assert summary["skipped_steps"] == 2
    killed_before(7)
    with pytest.raises(KilledError):
        train(data, tmp_path / "run", TAUGHT, **options)
    killed_before(0)
    mutualseg.train(resume=str(tmp_path / "run"), quiet=True)
    assert_exact(tmp_path / "run", tmp_path / "straight")
    for run in ("run", "straight"):
        assert sorted(path.name for path in (tmp_path / run / "bad_batches").iterdir()) == [
            f"step_{number:06d}.{kind}" for number in (3, 6) for kind in ("json", "safetensors")
        ]
    mutualseg.train(str(data), out=str(tmp_path / "run"), overwrite=True, quiet=True, **SMALL)
    assert not (tmp_path / "run/bad_batches").exists()


@pytest.mark.slow
def test_ten_skipped_steps_in_a_row_are_the_users_to_mend(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    step = FixMatch.step

    def spoiled(self: FixMatch, batch: Batch, progress: Progress) -> StepOutput:
        output = step(self, batch, progress)
        if progress.step >= 2:
            output.losses["supervised"] = output.losses["supervised"] / 0.0
        return output

    words = flags(steps=20, checkpoint_every=1, method="fixmatch")
    with monkeypatch.context() as patch:
        patch.setattr(FixMatch, "step", spoiled)
        outcome = command("train", "--data", data, "--out", "run", *words)
    assert (outcome.code, outcome.out) == (2, "")
    last = outcome.err.splitlines()[-1]
    assert (
        "10 steps in a row were skipped, the last of them step 12, since the loss term 'supervised'" in last
    )
    assert f"'{data}/images/train/0" in last
    assert "Traceback" not in outcome.err
    assert "step 3 is skipped, since the loss term 'supervised' became inf" in outcome.err
    held = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert all(bool(weight.isfinite().all()) for weight in held["state_dict"].values())
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed
    skipped = json.loads((tmp_path / "run/summary.json").read_text())["skipped_steps"]
    assert f"{skipped} of 20 steps were skipped" in resumed.err
    assert 1 <= skipped < 10


def teach_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pseudo-label be the class after the one that was meant."""

    def wrong(*arguments: Any) -> PseudoLabels:
        labels, keep = pseudo_labels(*arguments)
        return PseudoLabels((labels + 1) % 3, keep)

    monkeypatch.setattr("mutualseg.methods.fixmatch.pseudo_labels", wrong)


WRONGLY_TAUGHT = {**TAUGHT, "weight": 20.0, "ema": 0.0, "burn_in": 0.5}
FAST = {"encoder_rate": 0.002, "decoder_rate": 0.01, "poly_power": 0.0}
LONG: dict[str, Any] = {"steps": 32, "evaluate_every": 8, "optimization": FAST, "batch": 4}


@pytest.mark.slow
def test_wrong_labels_are_warned_of(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teach_wrongly(monkeypatch)
    summary = train(data, tmp_path / "run", WRONGLY_TAUGHT, **LONG)
    warned = [(each["step"], each["kind"]) for each in summary["warnings"]]
    assert (24, "accuracy_below_burn_in") in warned
    assert (24, "class_gone") in warned
    assert {kind for _, kind in warned} == {"accuracy_below_burn_in", "class_gone"}
    worse = next(each for each in summary["warnings"] if each["kind"] == "accuracy_below_burn_in")
    assert (
        "train again with --method.weight 10, --method.burn_in 0.7 or more labeled images" in worse["message"]
    )
    assert guard_of(tmp_path / "run")["good"] == {}, "copies are kept for a rollback alone"


@pytest.mark.slow
def test_a_run_goes_on_exactly_across_a_rollback(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_before: Callable[[int], None]
) -> None:
    teach_wrongly(monkeypatch)
    options = {**LONG, "guard": "rollback", "checkpoint_every": 24}
    killed_before(28)
    with pytest.raises(KilledError):
        train(data, tmp_path / "run", WRONGLY_TAUGHT, **options)
    held = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert (held["global_step"], held["optimizer_states"][0]["state"]) == (24, {})
    good = guard_of(tmp_path / "run")["good"]
    for name, tensor in good.items():
        assert torch.equal(held["state_dict"][f"method.{name}"], tensor), name
        if name.startswith("teacher_a.network."):
            student = name.replace("teacher_a.network", "student_a")
            assert torch.equal(held["state_dict"][f"method.{student}"], tensor), name
    killed_before(0)
    mutualseg.train(resume=str(tmp_path / "run"), quiet=True)
    summary = train(data, tmp_path / "straight", WRONGLY_TAUGHT, **options)
    assert_exact(tmp_path / "run", tmp_path / "straight")
    rolled = [each for each in summary["warnings"] if each["kind"] == "rollback"]
    assert rolled[0] == {
        "step": 24,
        "kind": "rollback",
        "message": "Went back to the teachers of step 16; the unlabeled terms weigh 0.5 of what they did, "
        "from here on.",
    }
    last = (tmp_path / "run/metrics.csv").read_text().splitlines()
    columns = dict(zip(last[0].split(","), last[-1].split(","), strict=True))
    assert float(columns["miou_teacher_a"]) == summary["miou"]
    evaluated = mutualseg.evaluate(str(tmp_path / "run"), data=str(data))
    assert evaluated["miou"] == pytest.approx(summary["miou"], abs=1e-3), "what is reported is deployed"
