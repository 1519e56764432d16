from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mutualseg.data.cache_folder import unpacked
from mutualseg.errors import DataError, MaskError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.json"
    path.write_text("{}")
    return path


Writer = Callable[[Path], None]


@pytest.fixture
def calls() -> list[Path]:
    return []


@pytest.fixture
def write(calls: list[Path]) -> Writer:
    def write(folder: Path) -> None:
        calls.append(folder)
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("content")

    return write


def test_written_once_and_found_again(source: Path, write: Writer, calls: list[Path], cache: Path) -> None:
    folder = unpacked("kind", [source], write)
    assert folder.parent == cache
    assert folder.name.startswith("kind-")
    assert (folder / "deep/file").read_text() == "content"
    assert unpacked("kind", [source], write) == folder
    assert len(calls) == 1
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_an_edited_source_a_key_and_a_name_make_another_folder(source: Path, write: Writer) -> None:
    folders = [unpacked("kind", [source], write), unpacked("kind", [source], write, "key")]
    folders += [unpacked("other", [source], write), unpacked("kind", [], write)]
    source.write_text("{ }")
    folders.append(unpacked("kind", [source], write))
    os.utime(source, ns=(0, 7))
    folders.append(unpacked("kind", [source], write))
    assert len(set(folders)) == len(folders)


def test_the_order_of_sources_does_not_matter_and_a_relative_path_is_the_same(
    source: Path, write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.json"
    other.touch()
    monkeypatch.chdir(tmp_path)
    folder = unpacked("kind", [source, other], write)
    assert unpacked("kind", [other, Path("source.json")], write) == folder


def test_a_folder_that_lost_a_file_is_written_anew(source: Path, write: Writer, cache: Path) -> None:
    folder = unpacked("kind", [source], write)
    (folder / "deep/file").unlink()
    assert unpacked("kind", [source], write) == folder
    assert (folder / "deep/file").is_file()
    (folder / "contents.json").write_text('["deep/fi')
    assert unpacked("kind", [source], write) == folder
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_what_breaks_off_leaves_nothing_that_counts(source: Path, write: Writer, cache: Path) -> None:
    def break_off(folder: Path) -> None:
        (folder / "file").touch()
        raise MaskError("wrong")

    with pytest.raises(MaskError, match="wrong"):
        unpacked("kind", [source], break_off)
    assert list(cache.iterdir()) == []
    assert (unpacked("kind", [source], write) / "deep/file").is_file()


def test_a_kill_half_way_leaves_nothing_that_counts(source: Path, write: Writer, cache: Path) -> None:
    """A process that is killed cannot tidy up: the child leaves at once, without any clean-up."""
    child = os.fork()
    if child == 0:

        def die(folder: Path) -> None:
            (folder / "deep").mkdir()
            os._exit(9)

        unpacked("kind", [source], die)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(list(cache.iterdir())) == 1
    folder = unpacked("kind", [source], write)
    assert (folder / "deep/file").is_file()


def test_many_at_once_get_one_complete_folder(source: Path, calls: list[Path], cache: Path) -> None:
    together = threading.Barrier(4, timeout=30)

    def write(folder: Path) -> None:
        calls.append(folder)
        (folder / "file").touch()
        together.wait()

    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: unpacked("kind", [source], write), range(4)))
    assert len(calls) == 4
    assert len(set(folders)) == 1
    assert list(cache.iterdir()) == [folders[0]]


def test_a_cache_that_cannot_be_written_names_the_variable(source: Path, write: Writer, cache: Path) -> None:
    cache.touch()
    with pytest.raises(DataError, match=r"source\.json cannot be written to .*cache .*MUTUALSEG_CACHE"):
        unpacked("kind", [source], write)


def test_a_missing_source_is_named(write: Writer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json cannot be read .*check the path"):
        unpacked("kind", [tmp_path / "gone.json"], write)
