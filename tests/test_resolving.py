from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import mutualseg
from mutualseg import resolving
from mutualseg.data.encoding import PLAIN
from mutualseg.data.folder import read_folder
from mutualseg.data.splits import make_split
from mutualseg.errors import ConfigError, ImageError


def test_of_very_many_unlabeled_files_evenly_spaced_ones_are_opened(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = make_split(read_folder(tiny_data))
    assert len(split.unlabeled) == 6
    split.unlabeled[1].image.write_bytes(b"no image")
    with pytest.raises(ImageError, match=str(split.unlabeled[1].image)):
        resolving.refuse_bad_files(split, 3, PLAIN)
    monkeypatch.setattr(resolving, "CHECKED_UNLABELED", 3)  # the first, the third and the last
    resolving.refuse_bad_files(split, 3, PLAIN)
    split.unlabeled[5].image.write_bytes(b"no image")
    with pytest.raises(ImageError, match=str(split.unlabeled[5].image)):
        resolving.refuse_bad_files(split, 3, PLAIN)


@pytest.mark.parametrize("given", [{"ignore": "a"}, {"ignore": 1.5}, {"channels": "3"}, {"channels": True}])
@pytest.mark.parametrize("use", ["train", "compare", "check", "split"])
def test_numbers_of_another_type_are_named(
    tiny_data: Path, tmp_path: Path, use: str, given: dict[str, Any]
) -> None:
    if use == "split" and "channels" in given:
        pytest.skip("split reads no image")
    out = {} if use == "check" else {"out": str(tmp_path / f"out{'.json' * (use == 'split')}")}
    (name, value), *_ = given.items()
    with pytest.raises(ConfigError, match=f"^--{name} is {value!r}, which is not a whole number; give one"):
        getattr(mutualseg, use)(str(tiny_data), **out, **given)


def test_copies_of_held_out_images_are_named(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    for kind in ("images", "masks"):
        shutil.copytree(tiny_data / kind, root / kind)
    for kind in ("images", "masks"):
        shutil.rmtree(root / kind / "val", ignore_errors=True)
    split = make_split(read_folder(root))
    assert split.val_from == "held out"
    assert resolving.leak_note(split) is None
    held = split.val[0].image
    shutil.copy(held, split.labeled[0].image)
    note = resolving.leak_note(split)
    assert note is not None
    assert note.startswith("1 training images are identical to images of val or test")
    assert str(split.labeled[0].image) in note
    shutil.copy(held, split.unlabeled[0].image)  # as a split file may still name it
    assert str(resolving.leak_note(split)).startswith("2 training images")
    monkeypatch.setattr(resolving, "CHECKED_UNLABELED", len(split.labeled))
    assert str(resolving.leak_note(split)).startswith("1 training images")
    monkeypatch.setattr(resolving, "CHECKED_UNLABELED", len(split.labeled) - 1)
    assert "were not compared with those of val and test" in str(resolving.leak_note(split))
