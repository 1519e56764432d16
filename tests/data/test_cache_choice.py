"""Where decoded images go, and how much space they may take."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mutualseg import resolving
from mutualseg.data import cache_choice
from mutualseg.data.cache_choice import open_cache
from mutualseg.data.decoded_images import can_share
from mutualseg.data.folder import read_folder
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.splits import Split, make_split
from mutualseg.errors import ConfigError
from tests.data.made import pixels, write_folder

pytestmark = pytest.mark.skipif(not can_share(), reason="the store needs Linux")

GIGA = 2**30


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return make_split(read_folder(write_folder(tmp_path, ["train/a", "train/b", "val/v"], ["train/c"])))


@pytest.mark.parametrize(("cache", "free"), [("memory", 4), ("file", 8)])
def test_a_process_takes_its_share_of_half_of_what_is_free(
    cache: str, free: int, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_choice, "free_memory", lambda: 4 * GIGA)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=8 * GIGA))
    store = open_cache(cache, split.labeled, split.unlabeled, processes=2)
    assert store is not None
    assert store.budget == free * GIGA // 4


def test_it_is_off_where_it_should_be_or_nothing_is_known(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_cache("off", split.labeled, split.unlabeled, processes=1) is None
    monkeypatch.setattr(cache_choice, "free_memory", lambda: None)
    assert open_cache("memory", split.labeled, split.unlabeled, processes=1) is None
    monkeypatch.setattr(cache_choice, "free_memory", lambda: GIGA)
    monkeypatch.setattr(cache_choice, "can_share", lambda: False)
    assert open_cache("memory", split.labeled, split.unlabeled, processes=1) is None


def test_a_system_that_allows_no_such_file_is_no_error(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("File too large")

    monkeypatch.setattr(cache_choice, "DecodedImages", refuse)
    assert open_cache("memory", split.labeled, split.unlabeled, processes=1) is None


def test_every_image_and_mask_has_a_place(split: Split) -> None:
    store = open_cache("memory", split.labeled, split.unlabeled, processes=1)
    assert store is not None
    for number in range(2 * len(split.labeled) + len(split.unlabeled)):
        store.read(number, lambda: pixels("picture"))
    assert store.taken > 0


def test_auto_is_memory_where_it_can_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolving.resolve_cache("auto") == "memory"
    monkeypatch.setattr(resolving, "can_share", lambda: False)
    assert resolving.resolve_cache("auto") == "off"


def test_a_wrong_word_is_refused() -> None:
    assert resolving.resolve_cache("file") == "file"
    with pytest.raises(ConfigError, match="--cache always is unknown; give auto, memory, file or off"):
        resolving.resolve_cache("always")


def test_deeper_images_take_more_space(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(
        cache_choice, "DecodedImages", lambda count, *, largest, budget, where: made.append(largest)
    )
    for code in (RGB, ImageCode(5, "16-bit")):
        open_cache("memory", split.labeled, split.unlabeled, processes=1, images=code)
    assert made[1] * 3 == made[0] * 20  # bytes of a pixel
