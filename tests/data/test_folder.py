from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from mutualseg.data.class_files import ClassFile, read_class_file
from mutualseg.data.folder import read_folder
from mutualseg.data.mask_codes import BINARY
from mutualseg.errors import DataError, ImageError, MaskError
from tests.data.made import write_folder, write_image, write_mask


def names(samples: Sequence[object]) -> list[str]:
    return [getattr(sample, "name") for sample in samples]  # noqa: B009


def test_parts(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, ["train/b", "train/a", "val/a", "test/z"], ["train/c"]))
    assert [(s.name, s.part, s.mask is None) for s in folder.train] == [
        ("train/a", "train", False),
        ("train/b", "train", False),
        ("train/c", "train", True),
    ]
    assert folder.train[0].image == tmp_path / "images/train/a.png"
    assert folder.train[0].mask == tmp_path / "masks/train/a.png"
    assert [(s.name, s.part) for s in folder.val + folder.test] == [("val/a", "val"), ("test/z", "test")]
    assert names(folder.labeled) == ["train/a", "train/b"]
    assert folder.classes == ("class 0", "class 1", "class 2")
    assert folder.num_classes == 3
    assert folder.class_source == "masks"
    assert folder.notes == ()


def test_no_parts_and_subfolders(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, ["x", "one/x", "two/x"], ["two/y.1"]))
    assert names(folder.train) == ["one/x", "two/x", "two/y.1", "x"]
    assert names(folder.labeled) == ["one/x", "two/x", "x"]
    assert folder.val == folder.test == ()


def test_without_train_folder_the_rest_is_the_training_part(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, ["a", "more/b", "val/c"]))
    assert names(folder.train) == ["train/a", "train/more/b"]
    assert names(folder.val) == ["val/c"]


def test_files_beside_train_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, ["train/a"], ["stray", "other/b"]))
    assert names(folder.train) == ["train/a"]
    assert len(folder.notes) == 1
    assert folder.notes[0].startswith("2 files lie beside train/")


def test_what_is_not_an_image_is_passed_over(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a"])
    write_image(tmp_path / "images/.hidden.png")
    write_image(tmp_path / "images/.thumbs/a.png")
    for name in ("README", "notes.txt", "b.bmp", "c.bmp"):
        (tmp_path / "images" / name).write_text("x")
    folder = read_folder(tmp_path)
    assert names(folder.train) == ["a"]
    assert folder.notes == (
        f"2 .bmp files, 1 .txt files in {tmp_path / 'images'} are no images and are left out.",
    )


def test_suffixes_in_any_spelling(tmp_path: Path) -> None:
    for name in ("a.JPG", "b.jpeg", "c.Png", "d.webp", "e.TIF", "f.tiff"):
        write_image(tmp_path / "images" / name)
        write_mask(tmp_path / "masks" / f"{name[0]}.PNG")
    assert len(read_folder(tmp_path).labeled) == 6


def test_accents_spelled_in_two_ways_are_one_name(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / (unicodedata.normalize("NFD", "é") + ".png"))
    write_mask(tmp_path / "masks" / (unicodedata.normalize("NFC", "é") + ".png"))
    assert len(read_folder(tmp_path).labeled) == 1


def test_val_and_test_images_without_mask_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path, ["train/a", "val/b"], ["val/c", "test/d"]))
    assert names(folder.val) == ["val/b"]
    assert folder.test == ()
    assert names(folder.unscored) == ["val/c", "test/d"]
    assert folder.notes[0].startswith("2 images of val and test have no mask")


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", ["a", "b"])
    (tmp_path / "data").mkdir()
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).symlink_to(tmp_path / "real" / kind)
        (tmp_path / "real" / kind / "loop").symlink_to(tmp_path / "real" / kind)
    assert names(read_folder(tmp_path / "data").train) == ["a", "b"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: shutil.rmtree(root), r"does not exist; check the path\.$"),
        (lambda root: None, r"is empty; put images into"),
        (lambda root: write_image(root / "a.png"), r"has no folder images/; put the images there"),
        (lambda root: (root / "images/train").mkdir(parents=True), r"holds no image; the suffixes read are"),
        (lambda root: write_folder(root, [], ["a"]), r"has no labeled training image; put a mask"),
        (lambda root: write_folder(root, ["val/a"], ["train/b"]), r"has no labeled training image; put"),
        (
            lambda root: (write_folder(root, ["a"]), write_mask(root / "masks/b.png")),
            r"1 masks have no image of the same name \(.*masks/b\.png\); rename",
        ),
        (
            lambda root: (write_folder(root, [], ["val/a"]), write_mask(root / "masks/a.png")),
            r"1 masks have no image .*must lie below both images/ and masks/",
        ),
        (
            lambda root: (write_folder(root, ["a"]), write_image(root / "images/a.jpg")),
            r"1 images share their name .*a\.jpg, .*a\.png\); keep one of each",
        ),
        (
            lambda root: (write_folder(root, ["a"]), write_mask(root / "masks/a.tif")),
            r"1 masks share their name .*; keep one of each",
        ),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, make: object, message: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    assert callable(make)
    make(root)
    with pytest.raises(DataError, match=message) as caught:
        read_folder(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_other_files(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.bmp").write_text("x")
    with pytest.raises(DataError, match=r"holds no image, only 1 \.bmp files; the suffixes read are"):
        read_folder(tmp_path)


def test_classes_from_text(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a"])
    (tmp_path / "classes.txt").write_text("\ufeffroad\nsky blue \nBäume\n\n", encoding="utf-8")
    folder = read_folder(tmp_path)
    assert folder.classes == ("road", "sky blue", "Bäume")
    assert folder.class_source == "classes.txt"


@pytest.mark.parametrize("entry", ["[road, sky]", "{1: sky, 0: road}"])
def test_classes_from_yaml(tmp_path: Path, entry: str) -> None:
    (tmp_path / "dataset.yaml").write_text(f"other: 1\nclasses: {entry}\n")
    assert read_class_file(tmp_path) == ClassFile(("road", "sky"), "dataset.yaml")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("classes.txt", "road\nroad\n", "names the class 'road' twice"),
        ("classes.txt", "road\n\nsky\n", "the name of class 1 is empty"),
        ("classes.txt", "", "fewer than two classes"),
        ("classes.txt", "road\n", "fewer than two classes"),
        ("classes.txt", "\n".join(map(str, range(256))), "256 classes, and at most 255 fit"),
        ("dataset.yaml", "classes: [road, 'road']", "names the class 'road' twice"),
        ("dataset.yaml", "classes: [road, '']", "the name of class 1 is empty"),
        ("dataset.yaml", "classes: [yes, no]", "class name True is not text; put it in quotes"),
        ("dataset.yaml", "classes: {1: road, 2: sky}", "must be 0, 1, 2"),
        ("dataset.yaml", "names: [road]", "has no list `classes`"),
        ("dataset.yaml", "- road", "has no list `classes`"),
        ("dataset.yaml", "classes: [road", "not valid YAML"),
        ("dataset.yaml", "classes: !!python/name:os.system", "not valid YAML"),
    ],
)
def test_malformed_class_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_class_file(tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_class_text_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("Bäume\nsky".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_class_file(tmp_path)


@pytest.mark.parametrize("with_list", [False, True])
def test_masks_of_0_and_255(tmp_path: Path, with_list: bool) -> None:
    write_folder(tmp_path, [], ["a", "b"])
    write_mask(tmp_path / "masks/a.png", [0])
    write_mask(tmp_path / "masks/b.png", [0, 255])
    if with_list:
        (tmp_path / "classes.txt").write_text("background\nthing\n")
    folder = read_folder(tmp_path)
    assert folder.classes == ("background", "thing" if with_list else "foreground")
    assert folder.encoding.masks == BINARY
    assert "--ignore 255" in folder.notes[0]


@pytest.mark.parametrize(("values", "message"), [([0], "only class 0"), ([255], "no class at all")])
def test_masks_without_two_classes(tmp_path: Path, values: list[int], message: str) -> None:
    write_folder(tmp_path, [], ["a"])
    write_mask(tmp_path / "masks/a.png", values)
    with pytest.raises(MaskError, match=message):
        read_folder(tmp_path)


def test_a_broken_mask_is_named_when_classes_are_counted(tmp_path: Path) -> None:
    write_folder(tmp_path, ["a", "b"])
    (tmp_path / "masks/b.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"b\.png is an empty file"):
        read_folder(tmp_path)


def test_classes_are_counted_over_all_parts(tmp_path: Path) -> None:
    write_folder(tmp_path, ["train/a"], ["test/b"])
    write_mask(tmp_path / "masks/test/b.png", [6])
    assert read_folder(tmp_path).num_classes == 7


def test_names_that_are_not_text(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    try:
        write_image(tmp_path / "images" / f"{odd}.png")
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    write_mask(tmp_path / "masks" / f"{odd}.png")
    assert names(read_folder(tmp_path).train) == [odd]


@pytest.mark.parametrize(
    ("below", "said"),
    [
        (
            "train/images",
            r"but train/images, which must be images/train \(and masks/train\); put",
        ),
        ("Images", "no folder images/, but Images/, which must be called images; put"),
        ("photos", "no folder images/, only photos/; put"),
    ],
)
def test_what_stands_where_images_should(tmp_path: Path, below: str, said: str) -> None:
    (tmp_path / below).mkdir(parents=True)
    with pytest.raises(DataError, match=said):
        read_folder(tmp_path)
