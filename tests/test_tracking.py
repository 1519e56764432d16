"""The parts of `--logger` one by one."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from mutualseg.engine.event_file import EventFile
from mutualseg.engine.tracking.background import Background
from mutualseg.engine.tracking.choices import read_loggers, require_libraries
from mutualseg.engine.tracking.losses_table import LossesTable
from mutualseg.engine.tracking.mlflow_run import measured_name
from mutualseg.engine.tracking.remote_ids import read_id, write_id
from mutualseg.engine.tracking.results import results_of
from mutualseg.engine.tracking.tracker import Ending, Tracker
from mutualseg.errors import ConfigError
from mutualseg.reporting.kept_pictures import MOST, is_recorded, picture_at, thin_out
from mutualseg.run_room import check_free
from mutualseg.runs import RunFolder
from mutualseg.step_rows import cut_rows


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("tensorboard", ["tensorboard"]),
        ("none", []),
        ("wandb, CSV", ["csv", "wandb"]),
        (["mlflow", "csv mlflow"], ["csv", "mlflow"]),
        ([], []),
    ],
)
def test_words(given: str | list[str], found: list[str]) -> None:
    assert read_loggers(given) == found


def test_a_folder_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mutualseg.engine.tracking import choices

    (tmp_path / "made_up_library").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    monkeypatch.setattr(choices, "_EXTRAS", {"wandb": "made_up_library"})
    with pytest.raises(ConfigError, match="made_up_library"):
        require_libraries(["wandb"])
    (tmp_path / "made_up_library" / "__init__.py").write_text("")
    importlib.invalidate_caches()
    require_libraries(["csv", "wandb"])
    assert "made_up_library" not in sys.modules


def test_columns_come_when_their_losses_do(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    table = LossesTable(path)
    table.losses({"loss": 1.0}, 1)
    table.losses({"loss": 0.123456789, "peer": 2.0}, 2)
    table.losses({"loss": 0.5}, 3)
    whole = path.read_text(encoding="utf-8")
    assert whole == "step,loss,peer\n1,1,\n2,0.123457,2\n3,0.5,\n"
    for last in range(3):  # a run that goes on writes the same again
        cut_rows(path, last)
        again = LossesTable(path)
        for step, values in ((1, {"loss": 1.0}), (2, {"loss": 0.123456789, "peer": 2.0}), (3, {"loss": 0.5})):
            if step > last:
                again.losses(values, step)
        assert path.read_text(encoding="utf-8") == whole


def test_ids_are_kept_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "loggers.json"
    assert read_id(path, "wandb") is None
    write_id(path, "wandb", "abc")
    write_id(path, "mlflow", "1f")
    assert (read_id(path, "wandb"), read_id(path, "mlflow")) == ("abc", "1f")
    for content in (b"{", b"\xff", b"[]", b'{"wandb": 3}', b'{"wandb": "../x"}', b"[" * 100_000):
        path.write_bytes(content)
        assert read_id(path, "wandb") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("loss", "loss"),
        ("iou_teacher_a/tree", "iou_teacher_a/tree"),
        ("iou_teacher_a/räder", "iou_teacher_a/räder"),
        ("iou_teacher_a/a/b", "iou_teacher_a/a_b"),
        ("iou_teacher_a/..", "iou_teacher_a/__"),
        ("iou_teacher_a/don't <know>", "iou_teacher_a/don_t _know_"),
        ("iou_teacher_a/" + "x" * 300, ("iou_teacher_a/" + "x" * 300)[:200]),
    ],
)
def test_names_as_mlflow_takes_them(name: str, found: str) -> None:
    validate: Any = importlib.import_module("mlflow.utils.validation")._validate_metric_name
    assert measured_name(name) == found
    validate(found)


def test_results_are_numbers() -> None:
    summary = {
        "miou": 40,
        "miou_best": 41.5,
        "per_class_iou": {"a": 3.0, "b": None},
        "networks": {"student_a": 2.0},
    }
    assert results_of(summary) == {
        "result/miou": 40.0,
        "result/miou_best": 41.5,
        "result/iou/a": 3.0,
        "result/miou_student_a": 2.0,
    }


class Recorder:
    """Notes down what it is asked for, once it is let to."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.let = threading.Event()

    def losses(self, values: Mapping[str, float], step: int) -> None:
        self.let.wait(10)
        if step < 0:
            raise ConnectionError("gone")
        self.told.append((step, dict(values)))

    def close(self, ending: Ending) -> None:
        self.told.append(ending)


def test_steps_do_not_wait_and_nothing_is_lost() -> None:
    recorder = Recorder()
    behind = Background(cast(Tracker, recorder))
    values = {"loss": 1.0}
    for step in range(3):
        behind.losses(values, step)
        values["loss"] += 1  # what was given counts, not what became of it
    assert recorder.told == []
    recorder.let.set()
    behind.close("finished")
    assert recorder.told == [(0, {"loss": 1.0}), (1, {"loss": 2.0}), (2, {"loss": 3.0}), "finished"]


def test_a_failure_behind_is_told_in_front() -> None:
    recorder = Recorder()
    recorder.let.set()
    behind = Background(cast(Tracker, recorder))
    behind.losses({}, -1)
    with pytest.raises(ConnectionError, match="gone"):
        behind.close("finished")
    assert recorder.told == []


def test_the_end_does_not_wait_for_ever() -> None:
    recorder = Recorder()
    behind = Background(cast(Tracker, recorder), seconds=0.05)
    behind.losses({}, 1)
    with pytest.raises(TimeoutError, match="not all was sent"):
        behind.close("finished")
    recorder.let.set()


@pytest.mark.parametrize(("every", "total"), [(1, 7), (2, 98), (1, 100), (1, 1000), (3, 2000), (5, 4999)])
def test_recorded_pictures_are_those_that_stay(every: int, total: int, tmp_path: Path) -> None:
    steps = [step for step in range(1, total + 1) if step % every == 0 or step == total]
    for step in steps:
        picture_at(tmp_path, step).touch()
        thin_out(tmp_path, step, every)
    left = {int(path.stem.removeprefix("step_")) for path in tmp_path.iterdir()}
    recorded = {step for step in steps if is_recorded(step, every, total)}
    assert recorded == left
    assert len(recorded) <= MOST + 1


def test_large_pictures_are_small_in_the_event_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 1500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    run = tmp_path / "run"
    run.mkdir()
    events = EventFile(run)
    events.log_picture("views", tmp_path / "x.png", 3)
    (path,) = run.iterdir()
    assert path.stat().st_size < 1_500_000
    from tests.command.event_files import tensorboard_of

    (image,) = tensorboard_of(run).Images("views")
    assert (image.step, image.width, image.height) == (3, 600, 1200)


def test_what_loggers_leave_may_be_overwritten(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.config.touch()
    for name in ("losses.csv", "loggers.json"):
        (tmp_path / name).touch()
    for name in ("wandb", "mlruns", "val_predictions"):
        (tmp_path / name).mkdir()
    check_free(run, overwrite=True)
