from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.reading import read_layout
from mutualseg.errors import DataError, MaskError
from tests.command.made import draw, files_below, write
from tests.data.layouts.made import coco_json, cvat_xml, labelme, square, write_json, write_lines


def write_images(root: Path, names: list[str]) -> Path:
    for name in names:
        write(root / f"{name}.png", draw(name)[0])
    return root


def check_square(folder: DataFolder, index: int = 0) -> None:
    """The mask is one square of 20 x 20 pixels on background."""
    mask_file = folder.labeled[index].mask
    assert mask_file is not None
    mask = folder.encoding.masks.read(mask_file)
    assert (mask == 1).sum() == 400
    assert (mask[10:30, 10:30] == 1).all()


def write_labelme(folder: Path, names: list[str]) -> None:
    for name in names:
        write_json(folder / f"{name}.json", labelme("cell", square(10, 10, 20), name))


def write_coco(folder: Path, names: list[str]) -> None:
    write_json(folder / "annotations.json", coco_json(names))


def write_cvat(folder: Path, names: list[str]) -> None:
    write_lines(folder / "annotations.xml", [cvat_xml(names, empty=["c"])])


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("folder", ["", "annotations"])
@pytest.mark.parametrize(
    ("layout", "annotate"), [("labelme", write_labelme), ("coco_json", write_coco), ("cvat", write_cvat)]
)
def test_images_without_parts(
    tmp_path: Path, inside: bool, folder: str, layout: str, annotate: Callable[[Path, list[str]], None]
) -> None:
    write_images(tmp_path / ("images" if inside else ""), ["a", "b", "c"])
    annotate(tmp_path / folder, ["a", "b"])
    before = files_below(tmp_path)
    found = read_layout(tmp_path)
    assert files_below(tmp_path) == before
    assert found.layout == layout
    assert found.classes == ("background", "cell")
    assert found.class_source == "annotations"
    assert [sample.name for sample in found.train] == ["a", "b", "c"]
    assert [sample.name for sample in found.labeled] == ["a", "b"]
    check_square(found)
    assert found.val == ()


def test_labelme_beside_images_in_parts(tmp_path: Path) -> None:
    for part in ("train", "val"):
        # Names that both parts have: the folder decides.
        write_images(tmp_path / "images" / part, ["a", "b"])
        write_labelme(tmp_path / "images" / part, ["a"])
    folder = read_layout(tmp_path)
    assert [sample.name for sample in folder.train] == ["train/a", "train/b"]
    assert [sample.name for sample in folder.labeled] == ["train/a"]
    assert [sample.name for sample in folder.val] == ["val/a"]
    assert [sample.name for sample in folder.unscored] == ["val/b"]
    check_square(folder)


def test_coco_files_in_the_folders_of_parts(tmp_path: Path) -> None:
    """Roboflow exports them so, with valid/ for val."""
    for part, names in (("train", ["a", "b"]), ("valid", ["a"]), ("test", ["z"])):
        write_images(tmp_path / part, names)
        write_json(tmp_path / part / "_annotations.coco.json", coco_json(names))
    folder = read_layout(tmp_path)
    assert folder.layout == "coco_json"
    assert [sample.name for sample in folder.labeled] == ["train/a", "train/b"]
    assert [sample.name for sample in folder.val] == ["val/a"]
    assert [sample.name for sample in folder.test] == ["test/z"]
    assert folder.val[0].image == tmp_path / "valid/a.png"
    check_square(folder)


def test_coco_files_divide_images_that_lie_together(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a", "b", "c", "d"])
    write_json(tmp_path / "annotations/instances_train.json", coco_json(["a", "c"]))
    write_json(tmp_path / "annotations/instances_val.json", coco_json(["b"]))
    folder = read_layout(tmp_path)
    assert [sample.name for sample in folder.train] == ["train/a", "train/c", "train/d"]
    assert [sample.name for sample in folder.labeled] == ["train/a", "train/c"]
    assert [sample.name for sample in folder.val] == ["val/b"]
    assert folder.val[0].image == tmp_path / "images/b.png"


def test_an_image_in_two_files(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a", "b"])
    write_json(tmp_path / "one.json", coco_json(["a", "b"]))
    write_json(tmp_path / "two.json", coco_json(["b"]))
    with pytest.raises(MaskError, match=r"two\.json annotates b\.png, which another file does too"):
        read_layout(tmp_path)


def test_class_list_and_colors(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a"])
    write_coco(tmp_path, ["a"])
    write_lines(tmp_path / "label_colors.txt", ["0 0 0 background", "9 8 7 cell", "1 2 3 nucleus"])
    folder = read_layout(tmp_path)
    assert folder.classes == ("background", "cell", "nucleus")
    assert folder.colors == ((0, 0, 0), (9, 8, 7), (1, 2, 3))
    assert folder.class_source == "label_colors.txt"


def test_images_that_are_not_there_are_told_of(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a"])
    write_coco(tmp_path, ["a", "gone"])
    folder = read_layout(tmp_path)
    assert len(folder.labeled) == 1
    assert folder.notes == (
        f"1 images that {tmp_path / 'annotations.json'} annotates are not there (gone.png).",
    )


def test_annotations_without_images(tmp_path: Path) -> None:
    write_coco(tmp_path, ["a"])
    with pytest.raises(DataError, match=r"has annotations \(.*annotations\.json\) but no image"):
        read_layout(tmp_path)


@pytest.mark.parametrize(
    ("annotate", "layout"), [(write_labelme, "labelme"), (write_coco, "coco_json"), (write_cvat, "cvat")]
)
def test_masks_win_and_a_note_says_so(
    tmp_path: Path, annotate: Callable[[Path, list[str]], None], layout: str
) -> None:
    write_images(tmp_path / "images", ["a", "b", "c"])
    for name in ("a", "b"):
        write(tmp_path / f"masks/{name}.png", draw(name)[1])
    annotate(tmp_path / "annotations", ["a", "b"])
    folder = read_layout(tmp_path)
    assert folder.layout == "folder"
    assert folder.notes[-1] == (
        f"masks/ is read, and not the annotations beside it (--layout {layout} reads those)."
    )
    assert read_layout(tmp_path, layout).layout == layout


def test_a_masks_folder_with_nothing_in_it_does_not_win(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ["a"])
    (tmp_path / "masks").mkdir()
    write_labelme(tmp_path / "images", ["a"])
    assert read_layout(tmp_path).layout == "labelme"


def test_background_may_be_ignored(tmp_path: Path) -> None:
    write_images(tmp_path, ["a"])
    write_labelme(tmp_path, ["a"])
    folder = read_layout(tmp_path, ignore=0)
    assert folder.labeled[0].mask is not None
    assert set(folder.encoding.masks.read(folder.labeled[0].mask).ravel().tolist()) == {1, 255}


@pytest.mark.parametrize("layout", ["labelme", "coco_json", "cvat"])
def test_what_is_missing_is_named(tmp_path: Path, layout: str) -> None:
    write_images(tmp_path / "images", ["a"])
    with pytest.raises(DataError, match=f"holds no such file; --layout {layout} expects"):
        read_layout(tmp_path, layout)


@pytest.mark.parametrize(
    ("empty", "said"),
    [
        (2, '(c.png) and are taken for background all over; take them out of "images" if nobody has'),
        (3, "(c.png) and are taken as unlabeled; if they show background only, give each an object of a"),
    ],
)
def test_images_that_a_coco_file_lists_without_object(tmp_path: Path, empty: int, said: str) -> None:
    names = ["a", "b", "c", "d", "e"][: 2 + empty]
    write_images(tmp_path / "images", names)
    content = coco_json(names)
    content["annotations"] = content["annotations"][:2]
    write_json(tmp_path / "annotations.json", content)
    folder = read_layout(tmp_path)
    assert len(folder.labeled) == (4 if empty == 2 else 2)
    assert len(folder.notes) == 1
    assert f"{empty} images have no object in {tmp_path / 'annotations.json'} {said}" in folder.notes[0]
    # The cure that the second note names.
    content["categories"].append({"id": 9, "name": "background"})
    for image in range(3, 3 + empty):
        content["annotations"].append(
            {"id": 10 + image, "image_id": image, "category_id": 9, "segmentation": [square(0, 0, 5)]}
        )
    write_json(tmp_path / "annotations.json", content)
    cured = read_layout(tmp_path)
    assert cured.classes == ("background", "cell")
    assert (len(cured.labeled), cured.notes) == (len(names), ())
    assert cured.labeled[-1].mask is not None
    assert not cured.encoding.masks.read(cured.labeled[-1].mask).any()


@pytest.mark.parametrize("annotate", [write_labelme, write_coco, write_cvat])
def test_a_class_list_without_background(tmp_path: Path, annotate: Callable[[Path, list[str]], None]) -> None:
    write_images(tmp_path / "images", ["a", "b"])
    annotate(tmp_path, ["a", "b"])
    write_lines(tmp_path / "classes.txt", ["nucleus", "cell"])
    folder = read_layout(tmp_path)
    assert any(
        note.startswith("classes.txt has no class background, so pixels that no shape covers are 255")
        for note in folder.notes
    )
    assert folder.labeled[0].mask is not None
    assert set(folder.encoding.masks.read(folder.labeled[0].mask).ravel().tolist()) == {1, 255}
    write_lines(tmp_path / "classes.txt", ["Background", "cell"])
    assert not any("255" in note for note in read_layout(tmp_path).notes)


@pytest.mark.parametrize("annotate", [write_labelme, write_coco, write_cvat])
def test_classes_that_are_given_serve_where_there_is_no_list(
    tmp_path: Path, annotate: Callable[[Path, list[str]], None]
) -> None:
    write_images(tmp_path / "images", ["a", "b"])
    annotate(tmp_path, ["a", "b"])
    given = ["background", "nucleus", "cell"]
    folder = read_layout(tmp_path, classes=given)
    assert folder.classes == tuple(given)
    assert folder.labeled[0].mask is not None
    mask = folder.encoding.masks.read(folder.labeled[0].mask)
    assert np.bincount(mask.ravel()).tolist() == [mask.size - 400, 0, 400]
    write_lines(tmp_path / "classes.txt", ["cell", "background"])
    assert read_layout(tmp_path, classes=given).classes == ("cell", "background")


def test_other_category_ids_of_the_same_names_are_measured(tmp_path: Path) -> None:
    """A COCO file numbers its categories as it likes: their order is not that of the run."""
    write_images(tmp_path / "images", ["a"])
    content = coco_json(["a"])
    content["categories"] = [{"id": 4, "name": "cell"}, {"id": 9, "name": "nucleus"}]
    write_json(tmp_path / "annotations.json", content)
    assert read_layout(tmp_path).classes == ("background", "cell", "nucleus")
    folder = read_layout(tmp_path, classes=("background", "nucleus", "cell"))
    assert folder.classes == ("background", "nucleus", "cell")
    assert folder.labeled[0].mask is not None
    assert (folder.encoding.masks.read(folder.labeled[0].mask) == 2).sum() == 400
