from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.catalog.ade20k import ADE20K
from mutualseg.data.layouts.reading import read_layout
from mutualseg.errors import DataError, MaskError
from tests.command.made import write
from tests.data.layouts.made import coded, write_ade20k


def test_all_values(tmp_path: Path) -> None:
    mask = write(tmp_path / "ids.png", np.arange(151, dtype=np.uint8)[None])
    assert ADE20K.masks.read(mask).tolist() == [[255, *range(150)]]


@pytest.mark.parametrize("value", [151, 255])
def test_values_above_150_are_refused(tmp_path: Path, value: int) -> None:
    mask = write(tmp_path / "ids.png", np.array([[value]], np.uint8))
    with pytest.raises(MaskError, match=f"value {value}"):
        ADE20K.masks.read(mask)
    assert ADE20K.masks.ignoring(value, 150).read(mask).tolist() == [[255]]


def test_classes() -> None:
    assert len(ADE20K.classes) == len(set(ADE20K.classes)) == len(ADE20K.colors or ()) == 150
    # Numbers of the data set's own list, which begins at 1.
    numbered = {1: "wall", 2: "building", 13: "person", 21: "car", 90: "television receiver", 150: "flag"}
    assert {number: ADE20K.classes[number - 1] for number in numbered} == numbered


@pytest.mark.parametrize("below", ["", "ADEChallengeData2016"])
def test_training_and_validation(tmp_path: Path, below: str) -> None:
    home = write_ade20k(tmp_path / below)
    folder = read_layout(tmp_path)
    assert folder.layout == "ade20k"
    assert [sample.name for sample in folder.train] == [f"train/ADE_train_{i:08d}" for i in range(1, 5)]
    assert [sample.name for sample in folder.val] == [f"val/ADE_val_{i:08d}" for i in (1, 2)]
    assert folder.train[0].image == home / "images/training/ADE_train_00000001.jpg"
    assert folder.val[1].mask == home / "annotations/validation/ADE_val_00000002.png"
    assert folder.labeled[0].mask is not None
    found = folder.encoding.masks.read(folder.labeled[0].mask)
    assert (found == coded("ADE_train_00000001", (0, 2, 149))).all()
    assert read_layout(tmp_path, "ade20k").notes == ()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    home = write_ade20k(tmp_path / "ADEChallengeData2016")
    (home / "annotations").rename(tmp_path / "away")
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path, "ade20k")
    assert f"{home / 'annotations/training'} is missing; --layout ade20k expects images/" in str(caught.value)
