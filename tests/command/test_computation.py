"""Options of `mutualseg train` that change how steps are computed, not what they are."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.command.conftest import Command
from tests.command.made import SMALL, flags


def _steps(run: Path) -> list[int]:
    with (run / "metrics.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_accumulated_steps_are_evaluated_once(data: Path, tmp_path: Path, command: Command) -> None:
    small = {**SMALL, "steps": 3, "evaluate_every": 1}
    run = tmp_path / "run"
    outcome = command("train", "--data", data, "--out", run, "--accumulate", 2, *flags(small))
    assert outcome.code == 0, outcome.err
    assert "3 steps of 2 times 2 + 2 crops" in outcome.err
    assert _steps(run) == [1, 2, 3]


def test_activation_checkpointing_changes_no_weight(
    data: Path, finished: Path, tmp_path: Path, command: Command
) -> None:
    run = tmp_path / "run"
    words = ("--data", data, "--out", run, "--activation-checkpointing", *flags(SMALL))
    assert command("train", *words).code == 0
    ours, theirs = (load_file(path / "weights" / "deployed.safetensors") for path in (run, finished))
    assert all((ours[name] - theirs[name]).abs().max() < 1e-5 for name in theirs)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["miou"] == pytest.approx(
        json.loads((finished / "summary.json").read_text())["miou"], abs=0.5
    )


@pytest.mark.parametrize("cache", ["memory", "file", "off"])
def test_where_images_are_kept_changes_no_weight(
    cache: str, data: Path, finished: Path, tmp_path: Path, command: Command
) -> None:
    run = tmp_path / "run"
    assert command("train", "--data", data, "--out", run, "--cache", cache, *flags(SMALL)).code == 0
    assert yaml.safe_load((run / "config.yaml").read_text())["cache"] == cache
    ours, theirs = (load_file(path / "weights" / "deployed.safetensors") for path in (run, finished))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cache", "always"), "--cache always is unknown; give auto, memory, file or off"),
        (("--accumulate", "0"), "--accumulate 0 is too small; give at least 1"),
        (("--compile", "--activation-checkpointing"), "exclude each other"),
    ],
)
def test_what_cannot_be_is_refused(
    words: tuple[str, ...], said: str, data: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command("train", "--data", data, "--out", tmp_path / "run", *words, *flags(SMALL))
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "run").exists()


def test_no_compiler_is_said_before_the_run(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = command("train", "--data", data, "--out", tmp_path / "run", "--compile", *flags(SMALL))
    assert outcome.code == 2
    assert "needs a C++ compiler" in outcome.err


def test_batch_auto_is_resolved_and_kept(data: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    small = {name: value for name, value in SMALL.items() if name not in ("batch", "unlabeled_batch")}
    outcome = command("train", "--data", data, "--out", run, "--batch", "auto", *flags(small))
    assert outcome.code == 0, outcome.err
    assert "4 + 4 crops" in outcome.err  # the most that a CPU takes
    assert "memory: about" in outcome.err
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["batch"], config["unlabeled_batch"]) == (4, 4)
    refused = command("train", "--data", data, "--out", tmp_path / "no", "--batch", "many", *flags(small))
    assert refused.code == 2
    assert "--batch many is neither a number nor auto" in refused.err
