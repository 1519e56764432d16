"""`--logger`: every one of them, with its real library and without a network; none changes a result."""

from __future__ import annotations

import csv
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import mutualseg
from mutualseg.engine.tracking.losses_table import LossesTable
from mutualseg.reporting.val_pictures import draw_val_predictions
from tests.command.conftest import Command
from tests.command.event_files import plain_items, tensorboard_of, wandb_records
from tests.command.made import SMALL, flags

PICTURES = {"pseudo_labels", "val_predictions"}
QUICK: dict[str, Any] = {**SMALL, "method": "fixmatch", "steps": 2, "evaluate_every": 1}
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: Patch) -> None:
    """Have no account anywhere."""
    for name in (
        "WANDB_MODE",
        "WANDB_API_KEY",
        "WANDB_PROJECT",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_EXPERIMENT_NAME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nowhere")
    monkeypatch.setenv("WANDB_CACHE_DIR", "cache")
    monkeypatch.setenv("WANDB_CONFIG_DIR", "config")


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with the logger that every run has."""
    run = tmp_path_factory.mktemp("plain") / "run"
    mutualseg.train(str(data), out=str(run), quiet=True, **QUICK)
    return run


def _losses(run: Path) -> list[dict[str, str]]:
    with (run / "losses.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _run_of_mlflow(run: Path) -> tuple[Any, Any]:
    from mlflow import MlflowClient

    place = (run.absolute() / "mlruns").as_uri()
    client = MlflowClient(tracking_uri=place, registry_uri=place)
    identity = json.loads((run / "loggers.json").read_text(encoding="utf-8"))["mlflow"]
    return client, client.get_run(identity)


@pytest.mark.slow
def test_csv_and_tensorboard_have_the_same_losses(
    data: Path, plain: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", "csv,tensorboard")
    assert outcome.code == 0, outcome.err
    run = tmp_path / "run"
    rows = _losses(run)
    assert [row["step"] for row in rows] == ["1", "2"]
    events = tensorboard_of(run)
    assert set(rows[0]) - {"step"} <= set(events.Tags()["scalars"])
    for name in set(rows[0]) - {"step"}:
        told = {event.step: event.value for event in events.Scalars(name)}
        own = {int(row["step"]): float(row[name]) for row in rows if row[name]}
        assert own == pytest.approx(told, rel=1e-4)
    assert {event.step for event in events.Images("views")} == {0}
    for kind in PICTURES:
        assert {event.step for event in events.Images(kind)} == {1, 2}
        assert {path.name for path in (run / kind).iterdir()} == {"step_000001.png", "step_000002.png"}
    assert (run / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert config["logger"] == ["tensorboard", "csv"]


@pytest.mark.slow
def test_losses_after_a_kill_are_those_of_one_that_was_not(
    data: Path, tmp_path: Path, command: Command, monkeypatch: Patch
) -> None:
    words = ("--data", data, *flags(QUICK, steps=4, evaluate_every=4, checkpoint_every=2), "--logger", "csv")
    assert command("train", *words, "--out", "whole").code == 0

    def killed(*arguments: Any, **options: Any) -> None:
        draw_val_predictions(*arguments, **options)
        for _ in range(2):  # the second one leaves at once, without a checkpoint
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.engine.outcome.draw_val_predictions", killed)
        assert command("train", *words, "--out", "run").code == 130
    assert [row["step"] for row in _losses(tmp_path / "run")] == ["1", "2", "3"]
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed.err
    for name in ("losses.csv", "metrics.csv", "monitor.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list((tmp_path / "run").glob("events*"))


@pytest.mark.slow
def test_wandb_offline_and_gone_on_with(
    data: Path, plain: Path, tmp_path: Path, command: Command, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    stopped = _stopped(command, monkeypatch, data, "wandb")
    run = tmp_path / "run"
    assert "wandb" not in stopped.err.lower()
    identity = json.loads((run / "loggers.json").read_text(encoding="utf-8"))["wandb"]
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed.err
    assert "wandb" not in resumed.err.lower()
    assert (run / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()
    records = _finished_records(run, 2)
    runs = [record for kind, record in records if kind == "run"]
    assert {record.run_id for record in runs} == {identity}
    assert {record.display_name for record in runs} == {"run"}
    config = plain_items(runs[0].config.update)
    assert (config["steps"], config["method"]["name"]) == (2, "fixmatch")
    rows = [plain_items(record.item) for kind, record in records if kind == "history"]
    losses = {row["global_step"]: row["loss"] for row in rows if "loss" in row}
    assert sorted(losses) == [1, 2]
    assert {row["global_step"] for row in rows if "miou_student_a" in row} == {1, 2}
    for kind in PICTURES:
        named = [row["global_step"] for row in rows if any(name.split("/")[0] == kind for name in row)]
        assert named == [1, 2]
    assert len(list(run.glob("wandb/offline-run-*/files/media/images/*.png"))) == 5
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    told: dict[str, Any] = {}
    for kind, record in records:
        if kind == "summary":
            told |= plain_items(record.update)
    assert told["result/miou"] == summary["miou"]
    assert [record.exit_code for kind, record in records if kind == "exit"] == [130, 0]


def _finished_records(run: Path, ends: int) -> list[tuple[str, Any]]:
    """Return W&B's records once it has written the last ones, which a process of its own does."""
    for _ in range(200):
        found = list(wandb_records(run))
        if sum(kind == "exit" for kind, _ in found) == ends:
            break
        time.sleep(0.1)
    return found


def _stopped(command: Command, monkeypatch: Patch, data: Path, logger: str) -> Any:
    """Begin a run that a signal stops, saved, after its first evaluation."""

    def stop(*arguments: Any, **options: Any) -> None:
        draw_val_predictions(*arguments, **options)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.engine.outcome.draw_val_predictions", stop)
        found = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", logger)
    assert found.code == 130, found.err
    return found


@pytest.mark.slow
def test_mlflow_in_files_and_gone_on_with(
    data: Path, plain: Path, tmp_path: Path, command: Command, monkeypatch: Patch
) -> None:
    stopped = _stopped(command, monkeypatch, data, "mlflow")
    run = tmp_path / "run"
    assert _run_of_mlflow(run)[1].info.status == "KILLED"
    resumed = command("train", "--resume", "run")
    assert resumed.code == 0, resumed.err
    assert "mlflow" not in (stopped.err + resumed.err).lower()
    assert (run / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()
    client, found = _run_of_mlflow(run)
    identity = found.info.run_id
    assert (found.info.status, found.info.run_name) == ("FINISHED", "run")
    assert len(list((run / "mlruns").glob("*/*/meta.yaml"))) == 1  # one run, not two
    assert found.data.params["method.name"] == "fixmatch"
    assert [each.step for each in client.get_metric_history(identity, "loss")] == [1, 2]
    assert [each.step for each in client.get_metric_history(identity, "miou_student_a")] == [1, 2]
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert found.data.metrics["result/miou"] == pytest.approx(summary["miou"])
    assert {each.path for each in client.list_artifacts(identity)} == {
        *PICTURES,
        "views.png",
        "config.yaml",
        "summary.json",
    }
    for kind in PICTURES:
        steps = {Path(each.path).name for each in client.list_artifacts(identity, kind)}
        assert steps == {"step_000001.png", "step_000002.png"}
    assert not Path("mlruns").exists()
    assert command("train", "--data", data, "--out", "run", *flags(steps=1), "--overwrite").code == 0
    assert not (run / "mlruns").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("logger", "environment", "said"),
    [
        ("mlflow", {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, "note: --logger mlflow failed ("),
        (
            "wandb",
            {},
            "note: no login for W&B (wandb login, or WANDB_API_KEY), so it is recorded in run/wandb",
        ),
        ("wandb", {"WANDB_MODE": "sometimes"}, "note: --logger wandb failed ("),
    ],
    ids=["no server", "no login", "no such mode"],
)
def test_what_cannot_be_reached_stops_nothing(
    logger: str,
    environment: dict[str, str],
    said: str,
    data: Path,
    plain: Path,
    command: Command,
    monkeypatch: Patch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outcome = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", logger)
    assert outcome.code == 0, outcome.err
    assert [line for line in outcome.err.splitlines() if line.startswith("note: ")] == [
        line for line in outcome.err.splitlines() if line.startswith(said)
    ]
    assert outcome.err.count("note: ") == 1
    assert Path("run/metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_a_logger_that_fails_later_is_left_out(
    data: Path, plain: Path, command: Command, monkeypatch: Patch
) -> None:
    calls = []

    def fail(self: LossesTable, values: object, step: int) -> None:
        calls.append(step)
        if step == 1:
            raise OSError(28, "No space left on device", "losses.csv")

    monkeypatch.setattr(LossesTable, "losses", fail)
    outcome = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", "csv")
    assert outcome.code == 0, outcome.err
    assert calls == [1]
    assert outcome.err.count("note: --logger csv failed (OSError: [Errno 28] No space left on device") == 1
    assert Path("run/metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_another_logger_when_a_run_goes_on(
    data: Path, tmp_path: Path, command: Command, monkeypatch: Patch
) -> None:
    _stopped(command, monkeypatch, data, "none")
    assert not list(Path("run").glob("events*"))
    resumed = command("train", "--resume", "run", "--logger", "csv")
    assert resumed.code == 0, resumed.err
    assert "logger: [] -> ['csv']" in resumed.err
    assert [row["step"] for row in _losses(tmp_path / "run")] == ["2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tensorbord",), "did you mean 'tensorboard'"),
        (("none,csv",), "--logger none excludes every other"),
        (("none", "--logger", "wandb"), "--logger none excludes every other"),
    ],
)
def test_words_that_are_no_loggers(words: tuple[str, ...], said: str, data: Path, command: Command) -> None:
    outcome = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", *words)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err
    assert not Path("run").exists()


@pytest.mark.parametrize("logger", ["wandb", "mlflow"])
def test_a_library_that_is_not_there(logger: str, data: Path, command: Command, monkeypatch: Patch) -> None:
    Path(logger).mkdir()  # such a folder is no library
    monkeypatch.setitem(sys.modules, logger, None)
    outcome = command("train", "--data", data, "--out", "run", *flags(QUICK), "--logger", logger)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"--logger {logger} needs {logger}; pip install 'mutualseg[{logger}]'" in outcome.err
    assert not Path("run").exists()
