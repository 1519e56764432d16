"""SLURM: a job that is about to end saves, goes back into the queue, and its command goes on with the run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from mutualseg.engine.requeueing import job_id
from mutualseg.engine.signals import Signals
from tests.command.conftest import Command
from tests.command.made import SMALL, flags
from tests.command.test_train import assert_equal_runs

RUN: dict[str, Any] = {**SMALL, "method": "fixmatch"}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a scontrol on the path that writes down how it is called, and be a job."""
    written = tmp_path / "calls"
    program = tmp_path / "bin/scontrol"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{written}"\n[ ! -e "{tmp_path}/broken" ] || {{ echo held >&2; exit 1; }}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "1234")
    return written


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "7"}, "7"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}, "7_2"),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "interactive"}, None),
    ],
)
def test_job_id(environment: dict[str, str], expected: str | None) -> None:
    assert job_id(environment) == expected


@pytest.mark.slow
def test_requeued_job_goes_on_exactly(
    data: Path, tmp_path: Path, calls: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Signals.on_train_batch_end

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == 2:
            signal.raise_signal(signal.SIGUSR1)
        original(self, trainer, *others)

    words = ("train", "--data", data, *flags(RUN))
    assert command(*words, "--out", "straight").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        # With --overwrite too the job must not begin again what it has begun itself.
        stopped = command(*words, "--out", "run", "--overwrite")
    assert stopped.code == 138, stopped
    last = stopped.err.splitlines()[-1]
    again = "SLURM job 1234 is requeued, and goes on when it starts again"
    assert last == f"mutualseg: stopped by SIGUSR1 and saved; {again}"
    assert calls.read_text() == "requeue 1234\n"
    assert not (tmp_path / "run/summary.json").exists()
    first = command(*words, "--out", "run")
    assert (first.code, "is not empty" in first.err) == (2, True)

    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    resumed = command(*words, "--out", "run", "--overwrite")
    assert resumed.code == 0, resumed
    assert "step 4" in resumed.err and "step 2: val" not in resumed.err  # noqa: PT018
    assert_equal_runs(tmp_path / "run", tmp_path / "straight")
    assert "without --out it cannot find its run" in command(*words).err
    # The run of another job is not the one that --overwrite may keep.
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    assert "finished already" not in command(*words, "--out", "run", "--overwrite").err
    assert "# begun by the SLURM job 99" in (tmp_path / "run/config.yaml").read_text()


@pytest.mark.parametrize("broken", [False, True])
def test_signal_before_the_first_step(
    broken: bool, data: Path, tmp_path: Path, calls: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken:
        (tmp_path / "broken").touch()
    monkeypatch.setattr("mutualseg.networks.build._probe", lambda _: signal.raise_signal(signal.SIGUSR1))
    stopped = command("train", "--data", data, "--out", "run", *flags(RUN))
    assert stopped.code == 138
    (line,) = stopped.err.splitlines()
    if broken:
        assert line.endswith("start again (SLURM did not requeue the job: held)")
    else:
        assert line.endswith(
            "before there was anything to save; SLURM job 1234 is requeued, and goes on when it starts again"
        )
    assert calls.read_text() == "requeue 1234\n"


def test_outside_slurm_the_signal_keeps_its_meaning(
    data: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append("mine"))
    try:
        monkeypatch.setattr("mutualseg.networks.build._probe", lambda _: signal.raise_signal(signal.SIGUSR1))
        assert command("train", "--data", data, "--out", "run", *flags(RUN, steps=1)).code == 0
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen
