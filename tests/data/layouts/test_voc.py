from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mutualseg.data.catalog.voc import VOC
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts import LAYOUTS
from mutualseg.data.layouts.reading import read_layout
from mutualseg.data.samples import Sample
from mutualseg.data.splits import make_split
from mutualseg.errors import DataError
from tests.command.made import write
from tests.data.layouts.made import VOC_ADDED, VOC_TRAIN, VOC_VAL, coded, write_lines, write_voc


def names(samples: Iterable[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def read_mask(folder: DataFolder, sample: Sample) -> npt.NDArray[np.uint8]:
    assert sample.mask is not None
    return folder.encoding.masks.read(sample.mask)


def test_colors_are_those_that_the_bits_of_an_index_make() -> None:
    for index, color in enumerate(VOC.colors or ()):
        expected = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                expected[channel] |= (index >> 3 * place + channel & 1) << 7 - place
        assert list(color) == expected
    assert len(VOC.classes) == len(set(VOC.classes)) == 21
    assert (VOC.classes[7], VOC.classes[15], VOC.classes[20]) == ("car", "person", "tvmonitor")


@pytest.mark.parametrize("below", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_own_masks_of_the_train_list(tmp_path: Path, below: str) -> None:
    home = write_voc(tmp_path / below)
    folder = read_layout(tmp_path)
    assert folder.layout == "voc"
    assert folder.root == home
    assert folder.classes == VOC.classes
    assert folder.colors == VOC.colors
    assert folder.class_source == "voc"
    assert names(folder.train) == names(folder.labeled) == VOC_TRAIN
    assert names(folder.val) == VOC_VAL
    assert [sample.part for sample in (*folder.train, *folder.val)] == ["train"] * 4 + ["val"] * 2
    assert folder.train[0].image == home / "JPEGImages/2007_000032.jpg"
    assert folder.val[0].mask == home / "SegmentationClass/2007_000033.png"
    assert folder.test == folder.unscored == ()
    assert read_layout(tmp_path, "voc").notes == ()
    assert (read_mask(folder, folder.labeled[0]) == coded(VOC_TRAIN[0], (0, 7, 15))).all()


def test_images_that_only_the_augmented_list_has_are_unlabeled(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True)
    folder = read_layout(tmp_path)
    assert folder.layout == "voc_fine"
    assert names(folder.train) == sorted(VOC_TRAIN + VOC_ADDED)
    assert names(folder.labeled) == VOC_TRAIN
    assert folder.labeled[0].mask == tmp_path / "SegmentationClass/2007_000032.png"
    assert folder.notes[1:] == (
        "The folder is read as voc_fine, and could be as voc and voc_blended too (--layout voc).",
    )


def test_blended_masks(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True)
    folder = read_layout(tmp_path, "voc_blended")
    assert names(folder.labeled) == sorted(VOC_TRAIN + VOC_ADDED)
    assert folder.labeled[0].mask == tmp_path / "SegmentationClassAug/2007_000032.png"
    assert folder.val[0].mask == tmp_path / "SegmentationClass/2007_000033.png"
    assert (read_mask(folder, folder.labeled[-1]) == coded(VOC_ADDED[-1], (0, 7, 15))).all()


def test_blended_masks_alone(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True, own_masks=False)
    folder = read_layout(tmp_path)
    assert folder.layout == "voc_blended"
    assert folder.val[0].mask == tmp_path / "SegmentationClassAug/2007_000033.png"


def test_blended_masks_of_both_in_one_folder(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True, own_masks=False)
    (tmp_path / "SegmentationClassAug").rename(tmp_path / "SegmentationClass")
    folder = read_layout(tmp_path, "voc_blended")
    assert names(folder.labeled) == sorted(VOC_TRAIN + VOC_ADDED)
    assert names(read_layout(tmp_path, "voc_fine").labeled) == VOC_TRAIN


def test_lists_of_image_and_mask_paths(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True)
    lines = [f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png" for name in VOC_TRAIN + VOC_ADDED]
    (tmp_path / "ImageSets/Segmentation/train_aug.txt").unlink()
    write_lines(tmp_path / "ImageSets/SegmentationAug/trainaug.txt", lines)
    assert names(read_layout(tmp_path, "voc_blended").labeled) == sorted(VOC_TRAIN + VOC_ADDED)


def test_a_list_that_holds_val_images_trains_on_none_of_them(tmp_path: Path) -> None:
    write_voc(tmp_path, augmented=True)
    write_lines(tmp_path / "ImageSets/Segmentation/train_aug.txt", VOC_TRAIN + VOC_VAL + VOC_ADDED)
    folder = read_layout(tmp_path, "voc_fine")
    assert names(folder.train) == sorted(VOC_TRAIN + VOC_ADDED)
    assert folder.notes == ("2 listed training images are in val or test too, and left out (2007_000033).",)


def test_masks_that_lost_their_palette(tmp_path: Path) -> None:
    write_voc(tmp_path)
    for path in (tmp_path / "SegmentationClass").iterdir():
        with Image.open(path) as image:
            image.convert("RGB").save(path)
    folder = read_layout(tmp_path)
    assert folder.encoding.masks.kind == "colors"
    for sample in (*folder.labeled, *folder.val):
        assert (read_mask(folder, sample) == coded(sample.name, (0, 7, 15))).all()


def test_every_index_and_every_color_is_its_class(tmp_path: Path) -> None:
    write_voc(tmp_path)
    values = np.array([[*range(21), 255]], np.uint8)
    plain = LAYOUTS["voc"].read(tmp_path).encoding.masks
    assert (plain.read(write(tmp_path / "plain.png", values)) == values).all()
    colored = np.array([[*(VOC.colors or ()), (224, 224, 192)]], np.uint8)
    write(tmp_path / f"SegmentationClass/{VOC_TRAIN[0]}.png", colored)
    code = LAYOUTS["voc"].read(tmp_path).encoding.masks
    assert (code.read(tmp_path / f"SegmentationClass/{VOC_TRAIN[0]}.png") == values).all()


def test_an_image_that_a_list_names_is_missing(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / f"JPEGImages/{VOC_VAL[0]}.jpg").unlink()
    with pytest.raises(DataError, match=r"1 images .*JPEGImages \(2007_000033\); unpack"):
        read_layout(tmp_path)


def test_a_mask_that_is_missing_is_told_of(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / f"SegmentationClass/{VOC_TRAIN[1]}.png").unlink()
    folder = read_layout(tmp_path, "voc")
    assert names(folder.labeled) == [VOC_TRAIN[0], *VOC_TRAIN[2:]]
    assert folder.notes == ("1 listed training images have no mask and are unlabeled (2007_000039).",)


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("voc", "JPEGImages"),
        ("voc", "SegmentationClass"),
        ("voc", "ImageSets/Segmentation/train.txt"),
        ("voc_fine", "ImageSets/Segmentation/train_aug.txt"),
        ("voc_blended", "SegmentationClassAug"),
        ("voc_blended", "ImageSets/Segmentation/train_aug.txt"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, layout: str, path: str) -> None:
    home = write_voc(tmp_path / "VOCdevkit/VOC2012", augmented=True)
    (home / path).rename(tmp_path / "away")
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path, layout)
    assert f"{home / path} is missing; --layout {layout} expects JPEGImages/NAME.jpg" in str(caught.value)
    assert str(caught.value).count(". ") == 0


@pytest.mark.parametrize("line", ["{0}", "JPEGImages/{0}.jpg SegmentationClass/{0}.png"])
def test_lists_of_the_literature(tmp_path: Path, line: str) -> None:
    folder = read_layout(write_voc(tmp_path / "data", augmented=True))
    listed = write_lines(tmp_path / "labeled.txt", [line.format(name) for name in VOC_TRAIN[:2]])
    split = make_split(folder, labeled=str(listed))
    assert names(split.labeled) == VOC_TRAIN[:2]
    assert names(split.unlabeled) == sorted(VOC_TRAIN[2:] + VOC_ADDED)
    assert names(split.val) == VOC_VAL
