"""Folders of users in the shape of public data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.catalog.ade20k import ADE20K
from mutualseg.data.catalog.voc import VOC
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.reading import layouts_here, read_layout
from mutualseg.errors import DataError
from tests.command.made import draw, write
from tests.data.layouts import made
from tests.data.layouts.made import write_jpeg, write_lines

COLORS = np.array([(0, 0, 0), (250, 50, 83), (50, 183, 250)], np.uint8)
LABELMAP = ["# label:color_rgb:parts:actions", "background:0,0,0::", "leaf:250,50,83::", "stem:50,183,250::"]


def write_cvat_masks(root: Path, names: list[str], bare: list[str] = [], lists: object = None) -> Path:  # noqa: B006
    """Write CVAT's export "Segmentation mask 1.1"; bare images have no mask."""
    for name in names + bare:
        write_jpeg(root / f"JPEGImages/{name}.jpg", draw(name)[0])
    for name in names:
        write(root / f"SegmentationClass/{name}.png", COLORS[np.minimum(draw(name)[1], 2)])
        write(root / f"SegmentationObject/{name}.png", COLORS[np.minimum(draw(name)[1], 2)])
    write_lines(root / "labelmap.txt", LABELMAP)
    for part, listed in (lists if isinstance(lists, dict) else {"default": names + bare}).items():
        write_lines(root / f"ImageSets/Segmentation/{part}.txt", listed)
    return root


def named(folder: DataFolder) -> dict[str, list[str]]:
    return {part: [sample.name for sample in getattr(folder, part)] for part in ("train", "val", "test")}


def test_masks_that_cvat_exports(tmp_path: Path) -> None:
    write_cvat_masks(tmp_path, ["a", "sub/b.1", "c"], ["d"])
    folder = read_layout(tmp_path)
    assert folder.layout == "voc_like"
    assert folder.classes == ("background", "leaf", "stem")
    assert folder.class_source == "labelmap.txt"
    assert folder.colors == tuple(map(tuple, COLORS.tolist()))
    assert named(folder) == {"train": ["a", "c", "d", "sub/b.1"], "val": [], "test": []}
    assert [sample.name for sample in folder.labeled] == ["a", "c", "sub/b.1"]
    for sample in folder.labeled:
        assert sample.mask is not None
        found = folder.encoding.masks.read(sample.mask)
        assert (found == np.minimum(draw(sample.name)[1], 2)).all()


def test_lists_make_parts_and_what_none_names_has_no_mask(tmp_path: Path) -> None:
    lists = {"train": ["a", "JPEGImages/b.jpg SegmentationClass/b.png", "c"], "val": ["c"], "test": ["e.jpg"]}
    write_cvat_masks(tmp_path, ["a", "b", "c", "e", "held back"], ["d"], lists)
    folder = read_layout(tmp_path)
    assert folder.layout == "voc_like"
    assert named(folder) == {"train": ["train/a", "train/b", "train/d"], "val": ["val/c"], "test": ["test/e"]}
    assert [sample.name for sample in folder.labeled] == ["train/a", "train/b"]
    assert any("1 listed training images are in val" in note for note in folder.notes)
    assert any("1 images with a mask are in no list" in note and "held back" in note for note in folder.notes)
    write_lines(tmp_path / "ImageSets/Segmentation/val.txt", ["gone"])
    with pytest.raises(DataError, match=r"val\.txt names 1 images that are not in .*JPEGImages \(gone\)"):
        read_layout(tmp_path)


def test_what_is_not_measured_on_is_trained_on_where_no_list_says_more(tmp_path: Path) -> None:
    write_cvat_masks(tmp_path, ["a", "b b", "c"], [], {"val": ["b b"]})
    assert named(read_layout(tmp_path)) == {"train": ["train/a", "train/c"], "val": ["val/b b"], "test": []}


def test_a_mask_without_image_is_told_of(tmp_path: Path) -> None:
    write_cvat_masks(tmp_path, ["a", "b"])
    (tmp_path / "JPEGImages/b.jpg").unlink()
    assert any("1 masks have no image" in note for note in read_layout(tmp_path).notes)


def test_voc_of_ones_own_classes_by_the_class_list(tmp_path: Path) -> None:
    made.write_voc(tmp_path)
    assert read_layout(tmp_path).layout == "voc"
    write_lines(tmp_path / "classes.txt", [name.upper() for name in VOC.classes])
    assert read_layout(tmp_path).layout == "voc"
    write_lines(tmp_path / "classes.txt", [f"thing {index}" for index in range(16)])
    folder = read_layout(tmp_path)
    assert folder.layout == "voc_like"
    assert folder.num_classes == 16
    assert [sample.name for sample in folder.val] == [f"val/{name}" for name in made.VOC_VAL]
    assert read_layout(tmp_path, "voc").classes == VOC.classes


@pytest.mark.parametrize(
    ("public", "write_it", "values"),
    [("ade20k", made.write_ade20k, 151), ("camvid", made.write_camvid_segnet, 12)],
)
def test_parts_with_ones_own_classes(
    tmp_path: Path, public: str, write_it: Callable[[Path], Path], values: int
) -> None:
    write_it(tmp_path)
    known = read_layout(tmp_path)
    assert known.layout == public
    assert known.notes == (
        f"Read as {public} with its {known.num_classes} classes; if these are classes of your own, add your "
        f"class list to {tmp_path} (--layout {public}_like).",
    )
    assert read_layout(tmp_path, public).notes == ()
    write_lines(tmp_path / "classes.txt", [f"thing {index}" for index in range(values)])
    assert [layout.name for layout in layouts_here(tmp_path)] == [f"{public}_like"]
    folder = read_layout(tmp_path)
    assert folder.layout == f"{public}_like"
    assert folder.num_classes == values
    assert folder.notes == ()
    known_names = named(known)
    assert named(folder) == known_names
    for own, other in zip(folder.train, known.train, strict=True):
        assert own.mask is not None
        assert own.image == other.image
        raw = folder.encoding.masks.read(own.mask)
        assert set(raw.ravel().tolist()) != set(known.encoding.masks.read(own.mask).ravel().tolist())


def test_a_class_list_that_is_malformed_is_named(tmp_path: Path) -> None:
    made.write_ade20k(tmp_path)
    write_lines(tmp_path / "classes.txt", ["road", "road"])
    with pytest.raises(DataError, match=r"classes\.txt names the class 'road' twice"):
        read_layout(tmp_path)


def test_names_that_are_spelled_otherwise_are_still_the_data_set(tmp_path: Path) -> None:
    made.write_ade20k(tmp_path)
    names = [f"{name};x" if index % 3 == 0 else name for index, name in enumerate(ADE20K.classes)]
    write_lines(tmp_path / "classes.txt", names)
    assert read_layout(tmp_path).layout == "ade20k"


def test_colors_of_camvid_itself_are_no_classes_of_ones_own(tmp_path: Path) -> None:
    made.write_camvid(tmp_path)
    assert (tmp_path / "label_colors.txt").is_file()
    assert read_layout(tmp_path).layout == "camvid"


def test_what_is_left_says_which_layout_was_refused(tmp_path: Path) -> None:
    made.write_camvid(tmp_path)
    write_lines(tmp_path / "label_colors.txt", ["0 0 0 Void", "1 1 1 leaf", "2 2 2 stem"])
    with pytest.raises(
        DataError, match=r"has the folders of camvid, but other classes; give --layout camvid"
    ):
        read_layout(tmp_path)
