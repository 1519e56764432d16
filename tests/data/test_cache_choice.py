"""Where decoded images go: to memory while half of it is free, to a file, or nowhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mutualseg import resolving
from mutualseg.data.cache_choice import choose_cache, decoded_bytes, open_cache
from mutualseg.data.decoded_images import can_share
from mutualseg.data.folder import read_folder
from mutualseg.data.splits import Split, make_split
from mutualseg.errors import ConfigError
from tests.data.made import write_folder, write_image, write_mask

pytestmark = pytest.mark.skipif(not can_share(), reason="the store needs Linux")

GIGA = 2**30


@pytest.fixture
def split(tmp_path: Path) -> Split:
    for number in range(8):
        write_image(tmp_path / f"images/train/{number}.png", 10, 20)
        if number < 3:
            write_mask(tmp_path / f"masks/train/{number}.png", height=10, width=20)
    write_folder(tmp_path, ["val/v"])
    return make_split(read_folder(tmp_path))


def with_free_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))


@pytest.mark.parametrize(
    ("memory", "disk", "expected"),
    [
        (4 * GIGA, 0, "memory"),
        (2 * GIGA, 0, "memory"),
        (GIGA, 4 * GIGA, "file"),
        (None, 4 * GIGA, "file"),
        (GIGA, GIGA, "off"),
    ],
)
def test_one_gigabyte_of_images(
    memory: int | None, disk: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_free_disk(monkeypatch, disk)
    assert choose_cache(GIGA, memory) == expected


def test_decoded_bytes_are_three_a_pixel(split: Split) -> None:
    assert decoded_bytes(split.unlabeled) == len(split.unlabeled) * 600


@pytest.mark.parametrize(("drawn", "counted"), [(0, 3), (5, 3), (6, 8)])
def test_auto_counts_unlabeled_images_that_come_again(
    drawn: int, counted: int, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def note(needed: int, free: int | None) -> str:
        seen.append(needed)
        return "memory"

    monkeypatch.setattr(resolving, "choose_cache", note)
    assert resolving.resolve_cache("auto", split, drawn=drawn, processes=2) == "memory"
    masks = 3 * 200
    assert seen == [2 * (counted * 600 + masks)]


def test_a_word_is_taken_as_it_is_and_a_wrong_one_refused(split: Split) -> None:
    assert resolving.resolve_cache("off", split, drawn=9, processes=1) == "off"
    with pytest.raises(ConfigError, match="--cache always is unknown; give auto, memory, file or off"):
        resolving.resolve_cache("always", split, drawn=9, processes=1)


def test_off_opens_nothing(split: Split) -> None:
    assert open_cache("off", split) is None
    assert open_cache("memory", split) is not None
