"""`train --with-baseline`: the same labels without unlabeled images, beside every result."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import yaml

import mutualseg
from mutualseg.engine.baseline import verdict_sentence
from mutualseg.engine.signals import Signals
from mutualseg.methods.labels_only import LabelsOnly
from tests.command.conftest import Command
from tests.command.made import SMALL, flags
from tests.command.test_train import assert_equal_runs

WORDS = ("train", "--with-baseline", *flags())


def _summary(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def both(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with its twin that nobody stopped."""
    run = tmp_path_factory.mktemp("both") / "both"
    mutualseg.train(str(data), out=str(run), with_baseline=True, quiet=True, **SMALL)
    return run


def test_both_are_in_the_summary_and_on_the_last_line(
    data: Path, both: Path, finished: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command(*WORDS, "--data", data, "--out", "run")
    assert outcome.code == 0, outcome
    summary, twin = _summary(tmp_path / "run"), _summary(tmp_path / "run/baseline")
    assert outcome.out.splitlines()[-1] == verdict_sentence(summary)
    baseline = summary["baseline"]
    assert baseline["method"] == "labels_only"
    assert baseline["networks"] == twin["networks"]
    assert baseline["miou"] == max(twin["networks"].values()) <= baseline["miou_best"]
    per_class = [value for value in baseline["per_class_iou"].values() if value is not None]
    assert baseline["miou"] == pytest.approx(sum(per_class) / len(per_class), abs=1e-3)
    assert baseline["steps"] == summary["steps"] == 4
    better = max(twin["networks"].values())
    assert twin["networks"][baseline["counted"]] == better
    assert summary["gain"] == pytest.approx(summary["miou"] - better, abs=1e-4)
    assert twin["labeled_images"] == summary["labeled_images"]
    assert_equal_runs(tmp_path / "run", both)
    assert_equal_runs(tmp_path / "run", finished)  # the twin changes nothing about the run
    alone = command("train", "--data", data, "--out", "alone", *flags(method="labels_only"))
    assert alone.code == 0
    assert_equal_runs(tmp_path / "run/baseline", tmp_path / "alone")
    again = command("train", "--resume", "run")
    assert (again.code, again.out.splitlines()[-1]) == (0, outcome.out.splitlines()[-1])


def test_twin_has_the_same_split_and_settings(both: Path) -> None:
    one, two = (yaml.safe_load((run / "config.yaml").read_text()) for run in (both, both / "baseline"))
    assert two.pop("method") == {"name": "labels_only", "ema": 0.99, "ema_reach": 0.07}
    assert (one.pop("with_baseline"), two.pop("with_baseline")) == (True, False)
    del one["method"]
    assert one == two
    assert (both / "split.json").read_bytes() == (both / "baseline/split.json").read_bytes()


@pytest.mark.slow
def test_with_a_budget_the_twin_gets_the_same_time_and_its_own_steps(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock advances by a second at each look; measuring the twin, it is half as fast."""
    now = 0.0

    def perf_counter() -> float:
        nonlocal now
        now += 0.5 if (tmp_path / "run/config.yaml").is_file() else 1.0
        return now

    for module in ("fitting", "calibration"):
        clock = SimpleNamespace(perf_counter=perf_counter)
        monkeypatch.setattr(f"mutualseg.engine.{module}.time", clock)
    words = flags(steps=None, evaluate_every=None, budget="17s")
    outcome = command("train", "--with-baseline", *words, "--data", data, "--out", "run")
    assert outcome.code == 0, outcome
    summary = _summary(tmp_path / "run")
    assert (summary["steps"], summary["baseline"]["steps"]) == (
        12,
        29,
    )  # (17 - 5 x 1) / 1, (17 - 5 x 0.5) / 0.5
    assert "--budget 17s is 29 steps" in (tmp_path / "run/baseline/config.yaml").read_text()
    evaluations = (tmp_path / "run/baseline/metrics.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in evaluations] == ["6", "12", "18", "24", "29"]
    again = command("train", "--resume", "run")
    assert (again.code, again.out.splitlines()[-1]) == (0, outcome.out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("stopped_in", ["run", "baseline"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_in_either_part_it_goes_on_exactly(
    stopped_in: str,
    number: signal.Signals,
    code: int,
    data: Path,
    both: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Signals.on_train_batch_end

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        is_twin = isinstance(others[0].method, LabelsOnly)
        if is_twin == (stopped_in == "baseline") and trainer.global_step == 3:
            signal.raise_signal(number)
        original(self, trainer, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        stopped = command(*WORDS, "--data", data, "--out", "run")
    assert stopped.code == code, stopped
    assert stopped.err.splitlines()[-1].endswith("continue with: mutualseg train --resume run")
    assert (tmp_path / "run/summary.json").exists() == (stopped_in == "baseline")
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed
    assert resumed.out.splitlines()[-1].startswith("with unlabeled images ")
    for part in (".", "baseline"):
        assert_equal_runs(tmp_path / "run" / part, both / part)
    assert _summary(tmp_path / "run")["gain"] == _summary(both)["gain"]


@pytest.mark.slow
def test_killed_before_the_twin_began_it_begins(
    data: Path, both: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.engine.baseline._train_twin", fail)
        assert command(*WORDS, "--data", data, "--out", "run").code == 130
    assert command("train", "--resume", "run", "--seed", "5").code == 2
    assert command("train", "--resume", "run").code == 0
    assert _summary(tmp_path / "run")["baseline"] == _summary(both)["baseline"] | {
        "seconds": _summary(tmp_path / "run")["baseline"]["seconds"]
    }


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_after_the_last_step_starts_no_twin(
    number: signal.Signals, data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Signals.restore

    def arrive(self: Signals) -> None:
        signal.raise_signal(number)
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Signals, "restore", arrive)
        stopped = command(*WORDS, "--data", data, "--out", "run")
    assert stopped.code == 128 + number
    assert stopped.err.splitlines()[-1].endswith("continue with: mutualseg train --resume run")
    assert (tmp_path / "run/summary.json").exists()
    assert not (tmp_path / "run/baseline/checkpoints/last.ckpt").exists()
    assert command("train", "--resume", "run").code == 0
    assert "gain" in _summary(tmp_path / "run")


def test_a_signal_before_the_first_step_says_so(
    data: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is going on: building a network must not take the signal for a fault of the encoder."""
    monkeypatch.setattr("mutualseg.networks.build._probe", lambda _: signal.raise_signal(signal.SIGTERM))
    stopped = command(*WORDS, "--data", data, "--out", "run")
    assert stopped.code == 143
    assert stopped.err.splitlines()[-1].endswith("before there was anything to save; start again")


def test_a_folder_from_before_twins_can_be_read(finished: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    config = [line for line in (run / "config.yaml").read_text().splitlines() if "baseline" not in line]
    (run / "config.yaml").write_text("\n".join(config))
    assert command("evaluate", run).code == 0
    assert command("train", "--resume", run).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "labels_only"), "--with-baseline false"),
        (("--devices", "2"), "trains in one process"),
    ],
)
def test_refused_before_anything_is_written(
    words: tuple[str, ...], message: str, data: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command(*WORDS, "--data", data, "--out", "run", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_overwritten_with_its_twin(data: Path, tmp_path: Path, command: Command) -> None:
    words = ("--data", data, "--out", "run", "--steps", "1", "--evaluate-every", "1")
    assert command(*WORDS, *words).code == 0
    plain = command("train", *flags(), *words, "--overwrite")
    assert plain.code == 0, plain
    assert not (tmp_path / "run/baseline").exists()
    assert "labels only" not in plain.out


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (41.55, 38.08, "41.55, labels only 38.08: they helped by 3.47 points on this seed"),
        (38.0, 39.2, "38.00, labels only 39.20: they did not help: 1.20 points lower on this seed"),
        (38.0, 38.0, "38.00, labels only 38.00: they made no difference"),
    ],
)
def test_sentence(ours: float, theirs: float, expected: str) -> None:
    summary = {"miou": ours, "baseline": {"miou": theirs}, "gain": round(ours - theirs, 4)}
    assert verdict_sentence(summary) == f"with unlabeled images {expected}"
