from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.catalog.cityscapes import CITYSCAPES, CITYSCAPES_TRAIN_IDS
from mutualseg.data.layouts.reading import read_layout
from mutualseg.data.splits import make_split
from mutualseg.errors import DataError, MaskError
from tests.command.made import write
from tests.data.layouts.made import city_names, coded, write_cityscapes, write_lines

TRAIN_ID_OF = [
    *(255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255, 6, 7, 8, 9, 10),
    *(11, 12, 13, 14, 15, 255, 255, 16, 17, 18),
]
"""Of the label ids 0 to 33, from the data set's own table of labels."""


def test_all_label_ids(tmp_path: Path) -> None:
    mask = write(tmp_path / "ids.png", np.array([[*range(34), 255]], np.uint8))
    assert CITYSCAPES.masks.read(mask).tolist() == [[*TRAIN_ID_OF, 255]]


@pytest.mark.parametrize("label", [34, 254])
def test_other_ids_are_refused(tmp_path: Path, label: int) -> None:
    mask = write(tmp_path / "ids.png", np.array([[label]], np.uint8))
    with pytest.raises(MaskError, match=f"value {label}"):
        CITYSCAPES.masks.read(mask)


def test_classes() -> None:
    assert len(CITYSCAPES.classes) == len(set(CITYSCAPES.classes)) == 19
    named = dict(zip(CITYSCAPES.classes, CITYSCAPES.colors or (), strict=True))
    assert named["road"] == (128, 64, 128)
    assert named["car"] == (0, 0, 142)
    assert named["bicycle"] == (119, 11, 32)


@pytest.mark.parametrize("below", ["", "cityscapes"])
def test_label_ids_of_cities(tmp_path: Path, below: str) -> None:
    home = write_cityscapes(tmp_path / below)
    folder = read_layout(tmp_path)
    assert folder.layout == "cityscapes"
    assert [sample.name for sample in folder.train] == [f"train/{name}" for name in city_names("train")]
    assert [sample.name for sample in folder.val] == [f"val/{name}" for name in city_names("val")]
    assert folder.train[0].name == "train/aachen/aachen_000000_000019"
    assert folder.train[0].image == home / "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"
    assert folder.train[0].mask == home / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"
    assert not any(sample.is_external for sample in folder.train)
    for sample in (*folder.labeled, *folder.val):
        assert sample.mask is not None
        expected = coded(sample.name.partition("/")[2], (0, 2, 13))
        assert (folder.encoding.masks.read(sample.mask) == expected).all()
    # The masks of test are blank, and would be scored as all wrong or not at all.
    assert folder.test == ()
    assert [sample.name for sample in folder.unscored] == [f"test/{name}" for name in city_names("test")]
    assert folder.notes[0].startswith("3 images of val and test have no mask")


def test_train_ids_are_used_where_all_masks_have_them(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, train_ids=True)
    folder = read_layout(tmp_path)
    assert folder.encoding.masks == CITYSCAPES_TRAIN_IDS.masks
    sample = folder.labeled[0]
    assert sample.mask is not None
    assert sample.mask.name == "aachen_000000_000019_gtFine_labelTrainIds.png"
    assert (folder.encoding.masks.read(sample.mask) == coded(city_names("train")[0], (0, 2, 13))).all()


def test_train_ids_alone(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, train_ids=True)
    for path in tmp_path.glob("gtFine/*/*/*_labelIds.png"):
        path.unlink()
    folder = read_layout(tmp_path)
    assert folder.encoding.masks == CITYSCAPES_TRAIN_IDS.masks
    assert len(folder.labeled) == 6
    assert len(folder.val) == 3


def test_label_ids_are_used_where_one_train_id_mask_is_missing(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, train_ids=True)
    next(tmp_path.glob("gtFine/val/*/*_labelTrainIds.png")).unlink()
    folder = read_layout(tmp_path)
    assert folder.encoding.masks == CITYSCAPES.masks
    assert all(str(sample.mask).endswith("_labelIds.png") for sample in (*folder.labeled, *folder.val))


def test_extra_images_are_unlabeled(tmp_path: Path) -> None:
    write_cityscapes(tmp_path, extra=True)
    folder = read_layout(tmp_path)
    bare = [sample for sample in folder.train if sample.mask is None]
    assert [sample.name for sample in bare] == [
        "train_extra/augsburg/augsburg_000000_000000",
        "train_extra/augsburg/augsburg_000001_000000",
    ]
    assert len(folder.labeled) == 6
    assert "The 2 images of train_extra are unlabeled." in folder.notes


@pytest.mark.parametrize("path", ["leftImg8bit", "gtFine"])
def test_what_is_missing_is_named(tmp_path: Path, path: str) -> None:
    write_cityscapes(tmp_path)
    (tmp_path / path).rename(tmp_path / "away")
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path, "cityscapes")
    assert str(caught.value).startswith(
        f"{tmp_path / path / 'train'} is missing; --layout cityscapes expects "
    )
    assert "gtFine/{train,val}/CITY/NAME_gtFine_labelIds.png" in str(caught.value)


def test_more_may_be_ignored(tmp_path: Path) -> None:
    write_cityscapes(tmp_path)
    folder = read_layout(tmp_path, ignore=26)
    assert folder.labeled[0].mask is not None
    found = folder.encoding.masks.read(folder.labeled[0].mask)
    assert (found == coded(city_names("train")[0], (0, 2, 255))).all()


@pytest.mark.parametrize("form", ["pair", "image", "name"])
def test_lists_of_the_literature(tmp_path: Path, form: str) -> None:
    folder = read_layout(write_cityscapes(tmp_path / "data"))
    chosen = city_names("train")[:2]
    lines = {
        "pair": "leftImg8bit/train/{0}_leftImg8bit.png gtFine/train/{0}_gtFine_labelTrainIds.png",
        "image": "train/{0}_leftImg8bit.png",
        "name": "{0}",
    }
    listed = write_lines(tmp_path / "labeled.txt", [lines[form].format(name) for name in chosen])
    split = make_split(folder, labeled=str(listed))
    assert [sample.name for sample in split.labeled] == [f"train/{name}" for name in chosen]
    assert len(split.unlabeled) == 4
