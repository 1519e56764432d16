"""Curves out of event files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mutualseg.engine.event_file import EventFile
from mutualseg.run_report.curves_of_runs import training_charts
from mutualseg.run_report.event_curves import read_curves
from mutualseg.run_report.record import RunRecord


def test_later_files_win_and_a_cut_end_is_passed_over(tmp_path: Path) -> None:
    first = EventFile(tmp_path)
    for step in (1, 2, 3):
        first.log_metrics({"loss": float(step), "miou_a": 1.0, "monitor/kept": 2.0}, step=step)
    second = EventFile(tmp_path)
    second.log_metrics({"loss": 20.0, "kept": 0.5}, step=2)
    one, two = sorted(tmp_path.glob("events*"))
    assert read_curves(tmp_path) == {"loss": [(1, 1.0), (2, 20.0), (3, 3.0)], "kept": [(2, 0.5)]}
    two.write_bytes(two.read_bytes()[:-5])
    one.write_bytes(one.read_bytes()[:-5])
    assert read_curves(tmp_path) == {"loss": [(1, 1.0), (2, 2.0)]}


@pytest.mark.parametrize("content", [b"", b"no events at all, whatever the name says" * 9])
def test_what_is_no_event_file_has_no_curves(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.x.1.0").write_bytes(content)
    assert read_curves(tmp_path) == {}
    assert read_curves(tmp_path / "nowhere") == {}


def test_pictures_and_what_is_not_finite_are_no_curves(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "sheet.png")
    events = EventFile(tmp_path)
    for name in ("views", "pseudo_labels", "val_predictions"):
        events.log_picture(name, tmp_path / "sheet.png", 0)
    events.log_metrics({"loss": 0.0, "loss_unlabeled": 2.0}, step=1)
    events.log_metrics({"loss": float("nan"), "loss_unlabeled": float("inf")}, step=2)
    curves = read_curves(tmp_path)
    assert curves == {"loss": [(1, 0.0)], "loss_unlabeled": [(1, 2.0)]}
    record = RunRecord(tmp_path, "a", {}, (), (), None, None, metrics=[], monitor=[], curves=curves)
    (chart,) = training_charts(record)
    assert [name for _, name in chart.legend] == ["loss", "loss unlabeled"]
