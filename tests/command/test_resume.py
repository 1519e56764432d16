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

import mutualseg
from mutualseg.engine.signals import Signals
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
def straight(data: Path) -> Path:
    """Return a run of 6 steps that nobody stopped."""
    run = data.parent / "straight"
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


def test_run_without_a_checkpoint_says_so(data: Path, tmp_path: Path, command: Command) -> None:
    assert command("train", "--data", data, "--out", "run", *flags(steps=1, method="labels_only")).code == 0
    (tmp_path / "run/summary.json").unlink()
    (tmp_path / "run/checkpoints/last.ckpt").unlink()
    outcome = command("train", "--resume", "run")
    assert outcome.code == 2
    assert "no checkpoint yet" in outcome.err


def test_a_run_of_another_version_is_not_gone_on_with(data: Path, tmp_path: Path, command: Command) -> None:
    """A default that the run did not have must not slip in."""
    assert command("train", "--data", data, "--out", "run", *flags(steps=1, method="fixmatch")).code == 0
    (tmp_path / "run/summary.json").unlink()
    config = tmp_path / "run/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("  cooldown: 0.2\n", ""), encoding="utf-8")
    outcome = command("train", "--resume", "run")
    assert outcome.code == 2
    assert "lacks or has one value too many ('method.cooldown'), so another version" in outcome.err


@pytest.mark.slow
def test_real_signal_stops_a_real_process(data: Path, tmp_path: Path, command: Command) -> None:
    words = ["train", "--data", str(data), "--out", "run", *flags(steps=2000, workers=1, evaluate_every=1000)]
    process = subprocess.Popen([*PROGRAM, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    deadline = time.monotonic() + 120
    while "step 1/2000" not in said and time.monotonic() < deadline:
        said += process.stderr.readline()
    process.terminate()
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 143, said + rest
    assert rest.splitlines()[-1].endswith("continue with: mutualseg train --resume run")
    assert "Traceback" not in said + rest
    assert _state(tmp_path / "run")["global_step"] >= 1


def test_options_beside_resume_must_be_those_of_the_run(data: Path, finished: Path, command: Command) -> None:
    same = command("train", "--data", data, "--out", finished, "--resume")
    assert same.code == 0, same
    other = command("train", "--resume", finished, "--steps", "5000")
    assert other.code == 2
    assert "--steps 5000 contradicts" in other.err
    two = command("train", "--resume", finished, "--out", "elsewhere")
    assert two.code == 2
    assert "two runs" in two.err
