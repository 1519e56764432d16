from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.layouts.reading import read_layout
from mutualseg.errors import DataError
from tests.command.made import draw, files_below
from tests.data.layouts.made import write_huggingface, write_jpeg

pytest.importorskip("datasets")


@pytest.mark.parametrize(
    "columns", [("image", "mask"), ("pixel_values", "label"), ("img", "annotation"), ("scan", "other")]
)
def test_splits_become_parts(tmp_path: Path, columns: tuple[str, str]) -> None:
    home = write_huggingface(
        tmp_path / "saved", {"train": 4, "validation": 2, "test": 1}, columns, unlabeled=1
    )
    before = files_below(home)
    folder = read_layout(home)
    assert files_below(home) == before
    assert folder.layout == "huggingface"
    assert folder.root == home
    assert [sample.name for sample in folder.train] == [f"train/train-{index}" for index in range(4)]
    assert [sample.name for sample in folder.labeled] == [f"train/train-{index}" for index in range(3)]
    assert [sample.name for sample in folder.val] == ["val/validation-0", "val/validation-1"]
    assert [sample.name for sample in folder.test] == ["test/test-0"]
    original = tmp_path / "saved-source/train-0.jpg"
    assert folder.train[0].image.suffix == ".jpg"
    assert folder.train[0].image.read_bytes() == original.read_bytes()
    assert folder.labeled[0].mask is not None
    assert (folder.encoding.masks.read(folder.labeled[0].mask) == draw("train-0")[1]).all()
    assert folder.classes == ("class 0", "class 1", "class 2")


def test_one_data_set_without_splits(tmp_path: Path) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 5}) / "train"
    folder = read_layout(home)
    assert folder.layout == "huggingface"
    assert len(folder.labeled) == 5
    assert folder.val == ()


def test_a_split_of_unlabeled_images(tmp_path: Path) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 3, "unlabeled": 2})
    folder = read_layout(home)
    assert [sample.name for sample in folder.train if sample.mask is None] == [
        "train/unlabeled/unlabeled-0",
        "train/unlabeled/unlabeled-1",
    ]


def test_class_names_beside_the_data(tmp_path: Path) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 3})
    (home / "id2label.json").write_text(json.dumps({"0": "left", "1": "right", "2": "disc"}))
    assert read_layout(home).classes == ("left", "right", "disc")
    (home / "id2label.json").write_text(json.dumps({"1": "left", "2": "right"}))
    with pytest.raises(DataError, match=r"id2label\.json does not name the classes 0, 1, 2"):
        read_layout(home)


def test_class_names_that_are_no_utf8(tmp_path: Path) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 3})
    (home / "classes.txt").write_text("Straße\nHimmel\nAuto\n", encoding="latin-1")
    with pytest.raises(DataError, match=r"classes\.txt is not UTF-8 text"):
        read_layout(home)
    (home / "classes.txt").write_text("Straße\nHimmel\nAuto\n", encoding="utf-8")
    assert read_layout(home).classes == ("Straße", "Himmel", "Auto")


def test_pictures_without_names_and_of_other_formats(tmp_path: Path) -> None:
    import datasets
    from PIL import Image

    images = [Image.fromarray(draw(str(index))[0]) for index in range(3)]
    masks = [Image.fromarray(draw(str(index))[1]) for index in range(3)]
    made = datasets.Dataset.from_dict(
        {"photo": images, "semantic": masks},
        features=datasets.Features({"photo": datasets.Image(), "semantic": datasets.Image()}),
    )
    made.save_to_disk(str(tmp_path / "saved"))
    folder = read_layout(tmp_path / "saved")
    assert [sample.name for sample in folder.train] == [f"train/{index:06d}" for index in range(3)]
    assert (folder.encoding.images.read(folder.train[1].image) == draw("1")[0]).all()
    assert folder.labeled[1].mask is not None
    assert (folder.encoding.masks.read(folder.labeled[1].mask) == draw("1")[1]).all()


def test_columns_that_cannot_be_told_apart(tmp_path: Path) -> None:
    import datasets

    path = str(write_jpeg(tmp_path / "a.jpg", draw("a")[0]))
    made = datasets.Dataset.from_dict({"left": [path], "right": [path], "depth": [path]})
    for column in ("left", "right", "depth"):
        made = made.cast_column(column, datasets.Image())
    made.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(
        DataError, match=r"picture columns 'left', 'right', 'depth'.*name them 'image' and 'mask'"
    ):
        read_layout(tmp_path / "saved")
    made.select_columns(["left"]).save_to_disk(str(tmp_path / "bare"))
    with pytest.raises(DataError, match="no column of masks beside 'left'"):
        read_layout(tmp_path / "bare")


def test_a_damaged_folder(tmp_path: Path) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 2})
    for path in (home / "train").glob("*.arrow"):
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be opened by datasets"):
        read_layout(home)


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write_huggingface(tmp_path / "saved", {"train": 2})
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"not installed; pip install 'mutualseg\[datasets\]'"):
        read_layout(home)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(
        DataError, match=r"dataset_info\.json is missing; --layout huggingface expects a folder"
    ):
        read_layout(tmp_path, "huggingface")


def test_masks_of_ones_and_zeros(tmp_path: Path) -> None:
    import datasets
    from PIL import Image

    mask = Image.fromarray((draw("a")[1] == 1).astype(np.uint8) * 255)
    made = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(draw("a")[0])], "mask": [mask]},
        features=datasets.Features({"image": datasets.Image(), "mask": datasets.Image()}),
    )
    made.save_to_disk(str(tmp_path / "saved"))
    assert read_layout(tmp_path / "saved").classes == ("background", "foreground")
