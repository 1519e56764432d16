"""`--deterministic`, threads and loader processes: which runs are equal bit for bit."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

import mutualseg
from mutualseg.configuration_files import read_configuration
from mutualseg.engine import preparation
from mutualseg.engine.determinism import repeatable
from mutualseg.engine.signals import Signals
from mutualseg.errors import TrainingError
from mutualseg.methods.mutual import Mutual
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

TAUGHT = {"name": "mutual", "threshold": 0.0, "peer_threshold": 0.0, "burn_in": 0.2, "ramp": 0.2}


def settings_of(run: Path, **changes: Any) -> Settings:
    folder = RunFolder(run)
    return replace(Settings.from_dict(folder.read_config(), str(folder.config)), **changes)


def weights(run: Path) -> dict[str, Tensor]:
    state: dict[str, Any] = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    found: dict[str, Tensor] = state["state_dict"]
    return found


def flags_of_torch() -> tuple[bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")  # on 2 cores
def test_the_same_run_is_the_same_with_any_number_of_loaders(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool, bool]] = []
    original = Signals.on_train_batch_end

    def noting(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        seen.append(flags_of_torch())
        original(self, trainer, *others)

    monkeypatch.setattr(Signals, "on_train_batch_end", noting)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = flags_of_torch()
    kinds = [(2, True), (2, True), (0, False), (3, False)]
    for number, (workers, deterministic) in enumerate(kinds):
        arguments: dict[str, Any] = {**SMALL, "workers": workers, "deterministic": deterministic}
        mutualseg.train(str(data), out=f"run{number}", method=TAUGHT, quiet=True, **arguments)
        assert seen == [(True, True, False) if deterministic else before] * SMALL["steps"]
        assert flags_of_torch() == before
        seen.clear()
    first, *others = [weights(tmp_path / f"run{number}") for number in range(len(kinds))]
    rows = (tmp_path / "run0/metrics.csv").read_bytes()
    for number, other in enumerate(others, start=1):
        assert other.keys() == first.keys()
        assert [name for name, value in first.items() if not torch.equal(value, other[name])] == []
        assert (tmp_path / f"run{number}/metrics.csv").read_bytes() == rows


@pytest.mark.slow
def test_an_operation_that_cannot_be_deterministic_is_named(
    data: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Mutual.step

    def with_put(self: Mutual, *arguments: Any) -> Any:
        torch.zeros(3).put_(torch.tensor([1]), torch.ones(1))
        return original(self, *arguments)

    monkeypatch.setattr(Mutual, "step", with_put)
    before = flags_of_torch()
    outcome = command("train", "--data", data, "--out", "run", *flags(), "--deterministic")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == (
        "mutualseg: PyTorch has no deterministic way to compute put_ on cpu, which fpn on "
        "mobilenetv3_small_050 with --method mutual needs; train without --deterministic, or choose another "
        "--network, or --device cpu."
    )
    assert "Traceback" not in outcome.err
    assert flags_of_torch() == before


@pytest.mark.slow
def test_torch_and_the_environment_are_left_as_they_were(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, console = settings_of(finished, deterministic=True), RunConsole(quiet=True)
    for given in (None, ":0:0", ":16:8"):
        if given is None:
            monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
        else:
            monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", given)
        with repeatable(settings, console):
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == (":16:8" if given == ":16:8" else ":4096:8")
        assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == given
    with pytest.raises(RuntimeError, match=r"^something else$"), repeatable(settings, console):
        raise RuntimeError("something else")
    told = "Deterministic behavior was enabled with either ... and set CUBLAS_WORKSPACE_CONFIG=:4096:8"
    with (
        pytest.raises(TrainingError, match="a matrix product of cuBLAS on cpu"),
        repeatable(settings, console),
    ):
        raise RuntimeError(told)
    assert not torch.are_deterministic_algorithms_enabled()


def _back_to_the_checkpoint_before(finished: Path, run: Path) -> Path:
    """Return a copy of a finished run as a kill before its last evaluation would have left it."""
    shutil.copytree(finished, run)
    (run / "summary.json").unlink()
    (run / "checkpoints/previous.ckpt").replace(run / "checkpoints/last.ckpt")
    return run


@pytest.mark.slow
def test_a_resumed_run_takes_its_own_threads_or_says_so(
    finished: Path,
    data: Path,
    tmp_path: Path,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, console = torch.get_num_threads(), RunConsole()
    assert settings_of(finished).threads == now
    with repeatable(settings_of(finished, threads=now + 1, deterministic=True), console):
        assert torch.get_num_threads() == now + 1
    assert torch.get_num_threads() == now
    assert capsys.readouterr().err == ""
    for known in (now, None):  # None: a run from before this was noted down
        with repeatable(settings_of(finished, threads=known), console):
            assert torch.get_num_threads() == now
    with repeatable(settings_of(finished, threads=now + 1, device="cuda"), console):
        assert torch.get_num_threads() == now
    assert capsys.readouterr().err == ""

    whole = tmp_path / "whole"
    arguments: dict[str, Any] = {**SMALL, "checkpoint_every": 2}
    with monkeypatch.context() as patch:  # as if this process had one more: with two it would take long
        patch.setattr(preparation, "Settings", lambda **values: Settings(**{**values, "threads": now + 1}))
        mutualseg.train(str(data), out=str(whole), quiet=True, **arguments)
    other = _back_to_the_checkpoint_before(whole, tmp_path / "other")
    outcome = command("train", "--resume", other)
    assert (outcome.code, torch.get_num_threads()) == (0, now)
    said = " ".join(outcome.err.split())
    assert f"computed with {now + 1} threads so far and now does with {now}, so" in said
    assert f"OMP_NUM_THREADS={now + 1} keeps them" in said


def test_threads_of_a_config_are_not_those_of_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("threads: 7\nsteps: 3\n")
    assert read_configuration(str(tmp_path / "old.yaml")) == {"steps": 3}
