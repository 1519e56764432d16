"""`--deterministic`, threads and loader processes: which runs are equal bit for bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from torch import Tensor

import mutualseg
from mutualseg.configuration_files import read_configuration
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


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Let this process compute with two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


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
    with pytest.raises(RuntimeError, match="^something else$"), repeatable(settings, console):
        raise RuntimeError("something else")
    told = "Deterministic behavior was enabled with either ... and set CUBLAS_WORKSPACE_CONFIG=:4096:8"
    with (
        pytest.raises(TrainingError, match="a matrix product of cuBLAS on cpu"),
        repeatable(settings, console),
    ):
        raise RuntimeError(told)
    assert not torch.are_deterministic_algorithms_enabled()


def _back_to_the_checkpoint_before(finished: Path, run: Path, **config: Any) -> Path:
    """Return a copy of a finished run as a kill before its last evaluation would have left it."""
    shutil.copytree(finished, run)
    (run / "summary.json").unlink()
    (run / "checkpoints/previous.ckpt").replace(run / "checkpoints/last.ckpt")
    values = yaml.safe_load((run / "config.yaml").read_text())
    assert values.keys() >= config.keys()
    (run / "config.yaml").write_text(yaml.safe_dump({**values, **config}, sort_keys=False))
    return run


@pytest.mark.slow
def test_a_resumed_run_computes_with_its_own_threads_or_says_so(
    data: Path, tmp_path: Path, command: Command, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    arguments: dict[str, Any] = {**SMALL, "checkpoint_every": 2, "deterministic": True}
    mutualseg.train(str(data), out=str(whole), quiet=True, **arguments)
    assert yaml.safe_load((whole / "config.yaml").read_text())["threads"] == 2

    seen: list[int] = []
    original = Signals.on_train_batch_end

    def noting(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        seen.append(torch.get_num_threads())
        original(self, trainer, *others)

    monkeypatch.setattr(Signals, "on_train_batch_end", noting)
    torch.set_num_threads(1)
    run = _back_to_the_checkpoint_before(whole, tmp_path / "run")
    outcome = command("train", "--resume", run)
    assert (outcome.code, seen, torch.get_num_threads()) == (0, [2, 2], 1)
    assert "thread" not in outcome.err
    first, second = weights(whole), weights(run)
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []

    seen.clear()
    free = _back_to_the_checkpoint_before(whole, tmp_path / "free", deterministic=False)
    outcome = command("train", "--resume", free)
    assert (outcome.code, seen) == (0, [1, 1])
    assert "computed with 2 threads so far and now does with 1" in " ".join(outcome.err.split())
    assert "OMP_NUM_THREADS=2" in outcome.err


def test_threads_of_a_config_are_not_those_of_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("threads: 7\nsteps: 3\n")
    assert read_configuration(str(tmp_path / "old.yaml")) == {"steps": 3}
