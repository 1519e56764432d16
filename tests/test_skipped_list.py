from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mutualseg.data.samples import Sample
from mutualseg.data.skipping import SkippedFile
from mutualseg.errors import RunError
from mutualseg.skipped_list import SkippedRow, append_skipped, read_skipped, write_skipped

NAMES = (
    "plain.png",
    "a,b.png",
    "line\nbreak.png",
    "re\rturn.png",
    "end\r\nof line.png",
    'quo"te.png',
    "\u0e44\u0e17\u0e22.png",
    "\U0001f600.png",
    "=1+1.png",
    " .png",
)


def rows_of(names: tuple[str, ...] = NAMES) -> list[SkippedRow]:
    return [
        SkippedRow(SkippedFile(f"/d/{name}", "unlabeled", f"{name} is gone; restore it."), step)
        for step, name in enumerate(names)
    ]


def test_rows_come_back_whatever_the_names(tmp_path: Path) -> None:
    path, rows = tmp_path / "skipped.csv", rows_of()
    assert read_skipped(path) == []
    write_skipped(path, rows[:4])
    append_skipped(path, rows[4:])
    assert read_skipped(path) == rows
    with path.open(newline="", encoding="utf-8") as file:
        assert [line["file"] for line in csv.DictReader(file)] == [f"/d/{name}" for name in NAMES]


def test_a_file_is_listed_once(tmp_path: Path) -> None:
    path, (first, second, *_) = tmp_path / "skipped.csv", rows_of()
    write_skipped(path, [first, second])
    append_skipped(path, [SkippedRow(first.skipped, 9)])
    assert read_skipped(path) == [first, second]


def test_a_row_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    path, rows = tmp_path / "skipped.csv", [SkippedRow(row.skipped, 1234 + row.step) for row in rows_of()]
    write_skipped(path, rows)
    whole = path.read_bytes()
    seen = set()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        found = read_skipped(path)
        assert found == rows[: len(found)]
        seen.add(len(found))
    assert seen == set(range(len(rows)))


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_undecodable_bytes_are_written_out(tmp_path: Path) -> None:
    image = tmp_path / os.fsdecode(b"caf\xe9.png")
    file = SkippedFile.of(Sample(image, None, "train/x", "train"), "unlabeled", f"{image} is gone.")
    assert file.file == f"{tmp_path}/caf\\udce9.png"
    path = tmp_path / "skipped.csv"
    write_skipped(path, [SkippedRow(file, 3)])
    assert read_skipped(path) == [SkippedRow(file, 3)]


@pytest.mark.parametrize("write", [write_skipped, append_skipped])
def test_a_failing_disk_names_the_file_and_leaves_no_half_one(
    write: Callable[[Path, list[SkippedRow]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    path = tmp_path / "skipped.csv"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full") as raised:
        write(path, rows_of())
    assert raised.value.filename == str(path)
    assert {each.name for each in tmp_path.iterdir()} <= {"skipped.csv"}


def test_no_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "skipped.csv"
    path.write_text(f"file,part,reason,step\n{'x' * 200_000},val,gone,1\n")
    with pytest.raises(RunError, match=r"skipped\.csv' is damaged; restore it"):
        read_skipped(path)


@pytest.mark.parametrize("step", ["²", "9" * 5000, "-1", "1.0", ""])
def test_a_row_without_a_step_is_left_out(step: str, tmp_path: Path) -> None:
    path = tmp_path / "skipped.csv"
    path.write_text(f"file,part,reason,step\n/a,val,gone,{step}\n/b,val,gone,4\n", encoding="utf-8")
    assert [row.skipped.file for row in read_skipped(path)] == ["/b"]
