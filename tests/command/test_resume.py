"""A run that was stopped goes on as if it had not been: weights bit for bit, records byte for byte."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import mutualseg
from mutualseg.engine.best_weights import BestWeights
from mutualseg.engine.signals import Signals
from mutualseg.engine.training import Training
from tests.command.conftest import Command
from tests.command.made import PROGRAM, SMALL, flags
from tests.command.test_train import assert_equal_runs

TAUGHT = {"threshold": 0.0, "peer_threshold": 0.0, "burn_in": 0.2, "ramp": 0.2}
"""Arguments of the default method under which untrained networks teach each other from step 2 on."""
LONG = {**SMALL, "steps": 6, "evaluate_every": 2}


def _words(**changes: Any) -> list[str]:
    taught = [word for name, value in TAUGHT.items() for word in (f"--method.{name}", str(value))]
    return flags(LONG, **changes) + taught


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of 6 steps that nobody stopped."""
    run = tmp_path_factory.mktemp("straight") / "straight"
    mutualseg.train(str(data), out=str(run), method={"name": "mutual", **TAUGHT}, quiet=True, **LONG)
    return run


@pytest.fixture
def signal_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets a signal arrive during a step of the runs that follow, 0 for none."""
    original = Signals.on_train_batch_end
    when: dict[str, int] = {}

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == when["step"]:
            if when["number"] == signal.SIGKILL:  # as near to it as this process survives
                raise KeyboardInterrupt
            signal.raise_signal(when["number"])
        original(self, trainer, *others)

    def set_step(step: int, number: int = signal.SIGTERM) -> None:
        when.update(step=step, number=number)

    monkeypatch.setattr(Signals, "on_train_batch_end", arrive)
    return set_step


def _state(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    return state


def _flat(value: object) -> list[object]:
    if isinstance(value, dict):
        return [item for part in value.values() for item in _flat(part)]
    if isinstance(value, list | tuple):
        return [item for part in value for item in _flat(part)]
    return [value]


def _event_steps(run: Path) -> list[int]:
    """Return the steps that have a score in the event files, read record by record."""
    return [
        event.step
        for path in sorted(run.glob("events.out.tfevents.*"))
        for event in EventFileLoader(str(path)).Load()
        if any(value.tag == "miou_teacher_a" for value in event.summary.value)
    ]


def assert_exact(run: Path, straight: Path) -> None:
    """Two runs agree in all that was learned: networks, teachers, statistics, optimizer."""
    assert_equal_runs(run, straight)
    for part in ("state_dict", "optimizer_states", "global_step"):
        own, other = _flat(_state(run)[part]), _flat(_state(straight)[part])
        assert len(own) == len(other)
        for one, two in zip(own, other, strict=True):
            if isinstance(one, torch.Tensor):
                assert isinstance(two, torch.Tensor)
                assert torch.equal(one, two)
            else:
                assert one == two
    own, other = (json.loads((path / "summary.json").read_text()) for path in (run, straight))
    for key in ("seconds", "training_seconds", "peak_memory_mb", "commit"):
        del own[key], other[key]
    assert own == other


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "step", "workers", "every"),
    [(signal.SIGTERM, 143, 3, 0, 2), (signal.SIGINT, 130, 4, 1, 1)],
    ids=["SIGTERM", "SIGINT"],
)
def test_stopped_run_goes_on_exactly(
    number: int,
    code: int,
    step: int,
    workers: int,
    every: int,
    data: Path,
    straight: Path,
    tmp_path: Path,
    command: Command,
    signal_after: Any,
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    signal_after(step, number)
    words = _words(workers=workers, checkpoint_every=every)
    stopped = command("train", "--data", data, "--out", "run", *words)
    assert stopped.code == code, stopped
    assert stopped.out == ""
    last = stopped.err.splitlines()[-1]
    assert last == (
        f"mutualseg: stopped by {signal.Signals(number).name} and saved; "
        "continue with: mutualseg train --resume run"
    )
    assert not (tmp_path / "run/summary.json").exists()
    checkpoints = {path.name for path in (tmp_path / "run/checkpoints").iterdir()}
    assert checkpoints == {"last.ckpt", "previous.ckpt"}
    assert _state(tmp_path / "run")["global_step"] == step
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before

    signal_after(0)
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed
    assert_exact(tmp_path / "run", straight)


@pytest.mark.slow
def test_evaluations_after_the_checkpoint_are_made_again(
    data: Path, straight: Path, tmp_path: Path, command: Command, signal_after: Any
) -> None:
    signal_after(5, signal.SIGKILL)
    words = _words(checkpoint_every=3)
    stopped = command("train", "--data", data, "--out", "run", *words)
    assert (stopped.code, stopped.out) == (130, "")
    records = tmp_path / "run/metrics.csv"
    assert [line.split(",")[0] for line in records.read_text().splitlines()] == ["step", "2", "4"]
    assert _state(tmp_path / "run")["global_step"] == 3

    signal_after(0)
    # A kill between the two renames of a checkpoint leaves the one before.
    (tmp_path / "run/checkpoints/last.ckpt").rename(tmp_path / "run/checkpoints/previous.ckpt")
    resumed = command("train", "--out", "run", "--resume")
    assert resumed.code == 0, resumed
    assert_exact(tmp_path / "run", straight)
    steps = [line.split(",")[0] for line in (tmp_path / "run/timing.csv").read_text().splitlines()]
    assert steps == ["step", "2", "4", "6"]
    assert _event_steps(tmp_path / "run") == [2, 4, 6]


def test_run_killed_after_its_last_step_is_finished(
    straight: Path, tmp_path: Path, command: Command, data: Path, signal_after: Any
) -> None:
    signal_after(6)
    assert command("train", "--data", data, "--out", "run", *_words()).code == 143
    signal_after(0)
    assert command("train", "--resume", "run").code == 0
    assert_exact(tmp_path / "run", straight)


def test_finished_run_has_nothing_to_resume(straight: Path, command: Command) -> None:
    before = (straight / "summary.json").read_bytes()
    for words in (("--resume", straight), ("--out", straight, "--resume")):
        outcome = command("train", *words)
        assert outcome.code == 0, outcome
        assert "finished already" in outcome.err
        assert "mIoU" in outcome.out
        assert str(straight / "views.png") in outcome.out
    assert (straight / "summary.json").read_bytes() == before


def test_run_without_a_checkpoint_begins(data: Path, tmp_path: Path, command: Command) -> None:
    """It was killed before its first one: what it recorded until then is recorded anew."""
    assert command("train", "--data", data, "--out", "run", *flags(steps=1, method="labels_only")).code == 0
    before = (tmp_path / "run/metrics.csv").read_bytes()
    (tmp_path / "run/summary.json").unlink()
    (tmp_path / "run/checkpoints/last.ckpt").unlink()
    outcome = command("train", "--resume", "run")
    assert outcome.code == 0, outcome
    assert "run has no checkpoint, though it was trained before, so it begins" in outcome.err
    assert (tmp_path / "run/metrics.csv").read_bytes() == before
    assert _event_steps(tmp_path / "run") == [1]


def test_a_run_of_another_version_is_not_gone_on_with(data: Path, tmp_path: Path, command: Command) -> None:
    """A default that the run did not have must not slip in."""
    assert command("train", "--data", data, "--out", "run", *flags(steps=1, method="fixmatch")).code == 0
    (tmp_path / "run/summary.json").unlink()
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("  cooldown: 0.2\n", ""), encoding="utf-8")
    outcome = command("train", "--resume", "run")
    assert outcome.code == 2
    assert "lacks or has one value too many ('method.cooldown'), so another version" in outcome.err


def test_options_beside_resume_must_be_those_of_the_run(data: Path, finished: Path, command: Command) -> None:
    same = command("train", "--data", data, "--out", finished, "--resume")
    assert same.code == 0, same
    other = command("train", "--resume", finished, "--steps", "5000")
    assert other.code == 2
    assert "--steps 5000 contradicts" in other.err
    two = command("train", "--resume", finished, "--out", "elsewhere")
    assert two.code == 2
    assert "two runs" in two.err


VARIANTS: dict[str, dict[str, Any]] = {
    # A signal in the first of two batches of a step, in the middle of an epoch.
    "labels_only": {"accumulate": 2, "batch": 4},
    "mean_teacher": {"select": "best", "workers": 1},
    "cps": {"accumulate": 2, "select": "best"},
    "fixmatch": {"views.flip": "false"},
    "unimatch": {"precision": "bf16"},
    "unimatch_v2": {"accumulate": 3, "optimization.optimizer": "sgd"},
}
"""Besides the default method, which the other tests have."""


@pytest.mark.slow
@pytest.mark.parametrize("method", VARIANTS)
def test_every_method_goes_on_exactly(
    method: str, data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal comes in the first batch of a step, the run is let finish that step, and goes on."""
    original = Training.training_step
    batches: list[None] = []

    def arrive(self: Training, *arguments: Any) -> Any:
        batches.append(None)
        if self.is_between_steps:
            signal.raise_signal(signal.SIGTERM)
        return original(self, *arguments)

    options = {"method": method, "steps": 2, "evaluate_every": 2, **VARIANTS[method]}
    burn_in = {} if method == "labels_only" else {"method.burn_in": 0.1}
    words = ("train", "--data", data, *flags(SMALL, **options, **burn_in))
    assert command(*words, "--out", "straight").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(Training, "training_step", arrive)
        assert command(*words, "--out", "run").code == 143
    assert len(batches) == options.get("accumulate", 1)
    assert _state(tmp_path / "run")["global_step"] == 1
    assert command("train", "--resume", "run").code == 0
    assert_exact(tmp_path / "run", tmp_path / "straight")
    assert _event_steps(tmp_path / "run") == [2]


def test_a_best_network_after_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    before = BestWeights(path).state_dict()
    path.write_bytes(b"step 2")
    then = BestWeights(path).state_dict()
    path.write_bytes(b"step 4, after the checkpoint")
    BestWeights(path).load_state_dict(then)
    assert path.read_bytes() == b"step 2"
    BestWeights(path).load_state_dict(before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_forty_steps_are_fifteen_and_twenty_five_in_a_new_process(
    data: Path, tmp_path: Path, command: Command
) -> None:
    """With loader processes, as many as before or not, after a kill that nothing can answer."""
    words = ["train", "--data", str(data), *_words(steps=40, evaluate_every=10, checkpoint_every=15)]
    assert command(*words, "--out", "straight").code == 0
    killed = subprocess.Popen(
        [*PROGRAM, *words, "--out", "run", "--workers", "2"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "run/checkpoints/last.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.kill()
    killed.wait()
    assert _state(tmp_path / "run")["global_step"] == 15
    resume = ["train", "--resume", "run", "--workers", "1"]
    done = subprocess.run([*PROGRAM, *resume], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "workers: 2 -> 1" in done.stderr
    assert_exact(tmp_path / "run", tmp_path / "straight")
    assert _event_steps(tmp_path / "run") == [10, 20, 30, 40]
