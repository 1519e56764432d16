"""Records of steps after the checkpoint are cut from every file, whole and half ones, and no other byte."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

from mutualseg.engine.cut_records import cut_events, cut_records
from mutualseg.engine.event_file import EventFile
from mutualseg.errors import RunError
from mutualseg.runs import RunFolder
from mutualseg.step_rows import read_rows


def events_of(folder: Path, steps: range) -> Path:
    """Write an event file with two values a step."""
    before = set(folder.glob("events.*"))
    logger = EventFile(folder)
    for step in steps:
        logger.log_metrics({"loss": 1 / step, "kept": 0.5}, step=step)
    (path,) = set(folder.glob("events.*")) - before
    return path


def _steps(path: Path) -> list[int]:
    return [event.step for event in EventFileLoader(str(path)).Load() if event.summary.value]


@pytest.mark.parametrize("last_step", [0, 1, 3, 5, 9])
def test_events_after_a_step_are_cut(last_step: int, tmp_path: Path) -> None:
    path = events_of(tmp_path, range(1, 6))
    before = path.read_bytes()
    cut_events(path, last_step)
    assert _steps(path) == [step for step in range(1, 6) if step <= last_step]
    assert before.startswith(path.read_bytes())
    assert {each.name for each in tmp_path.iterdir()} == {path.name}


def test_half_a_record_is_dropped_wherever_a_crash_cut_it(tmp_path: Path) -> None:
    whole = events_of(tmp_path, range(1, 4)).read_bytes()
    two = events_of(tmp_path, range(1, 3))
    third = len(whole) - len(two.read_bytes())
    for length in range(len(whole) - third, len(whole)):
        two.write_bytes(whole[:length])
        cut_events(two, 3)
        assert two.read_bytes() == whole[:-third]


@pytest.mark.parametrize("place", [0, 9, 14, -3], ids=["length", "its checksum", "content", "checksum"])
def test_a_record_with_a_changed_bit_and_what_follows_is_dropped(place: int, tmp_path: Path) -> None:
    path = events_of(tmp_path, range(1, 4))
    content = bytearray(path.read_bytes())
    start = 0
    for _ in range(2):  # the version and step 1
        start += 16 + struct.unpack_from("<Q", content, start)[0]
    end = start + 16 + struct.unpack_from("<Q", content, start)[0]
    content[(start if place >= 0 else end) + place] ^= 1
    path.write_bytes(content)
    cut_events(path, 9)
    assert path.read_bytes() == content[:start]


def test_no_step_stands_twice_after_a_resume(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.pseudo_labels.mkdir()
    for step in (2, 4, 6):
        (folder.pseudo_labels / f"step_{step:06d}.png").touch()
    (folder.pseudo_labels / "step_notes.png").touch()
    events_of(tmp_path, range(1, 7))
    folder.metrics.write_text("step,loss\n2,0.5\n4,0.4\n6,0.")
    cut_records(folder, 4)
    events_of(tmp_path, range(5, 9))
    read = EventAccumulator(str(tmp_path), purge_orphaned_data=False)
    read.Reload()
    assert [scalar.step for scalar in read.Scalars("loss")] == list(range(1, 9))
    raw = [step for path in sorted(tmp_path.glob("events.*")) for step in _steps(path)]
    assert sorted(raw) == list(range(1, 9))
    assert folder.metrics.read_text() == "step,loss\n2,0.5\n4,0.4\n"
    names = {path.name for path in folder.pseudo_labels.iterdir()}
    assert names == {"step_000002.png", "step_000004.png", "step_notes.png"}


def test_bad_batches_after_a_step_are_dropped(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.bad_batches.mkdir()
    names = ("step_000004.json", "step_000004.safetensors", "step_000005.json", "step_000005.safetensors")
    for name in (*names, "step_².json", "step_notes.txt"):
        (folder.bad_batches / name).touch()
    cut_records(folder, 4)
    left = {path.name for path in folder.bad_batches.iterdir()}
    assert left == {*names[:2], "step_².json", "step_notes.txt"}


def test_rows_whose_step_is_no_number_are_cut(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.metrics.write_text(f"step,loss\n2,0.5\n²,0.4\n{'9' * 5000},0.1\n-1,0.2\n", encoding="utf-8")
    cut_records(folder, 4)
    assert folder.metrics.read_text() == "step,loss\n2,0.5\n"


def test_records_that_are_no_text_are_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.metrics.write_bytes(b"step,loss\n2,\xff\n")
    with pytest.raises(RunError, match=r"metrics\.csv' is damaged; restore it"):
        cut_records(folder, 4)
    with pytest.raises(RunError, match=r"metrics\.csv' is damaged; restore it"):
        read_rows(folder.metrics)


def test_a_whole_record_that_is_no_event_is_cut(tmp_path: Path) -> None:
    path = events_of(tmp_path, range(1, 4))
    before = path.read_bytes()
    record = io.BytesIO()
    RecordWriter(record).write(b"\xff\xff\xff")
    path.write_bytes(before + record.getvalue())
    cut_events(path, 9)
    assert path.read_bytes() == before
