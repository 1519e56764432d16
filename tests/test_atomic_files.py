"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mutualseg.atomic_files import partial_of, replacing, write_text


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one\n")
    with replacing(path) as partial:
        partial.write_text("two\n")
        assert path.read_text() == "one\n"
    assert path.read_text() == "two\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_renamed_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, events = tmp_path / "a.txt", list[str]()
    sync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        is_folder = os.path.samestat(os.fstat(descriptor), tmp_path.stat())
        events.append("folder" if is_folder else f"{os.fstat(descriptor).st_size} bytes")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_text(path, "seven\n")
    assert events == ["6 bytes", "rename", "folder"]


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("x")])
def test_a_failure_leaves_the_old_file(fault: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "one\n")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("tw")
            raise fault

    with pytest.raises(type(fault)) as raised:
        fail()
    assert path.read_text() == "one\n"
    assert list(tmp_path.iterdir()) == [path]
    if isinstance(raised.value, OSError):
        assert raised.value.filename == str(path)


def test_a_missing_folder_is_named_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gone/a.txt"
    with pytest.raises(FileNotFoundError) as raised:
        write_text(path, "one\n")
    assert raised.value.filename == str(path)
    assert partial_of(path).name == "a.txt.partial"
    assert not path.parent.exists()


def test_names_as_long_as_names_may_be_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".txt")
    write_text(path, "whole")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert partial_of(path).suffix == ".partial"
    assert partial_of(path) != partial_of(path.with_name("y" * 255))
