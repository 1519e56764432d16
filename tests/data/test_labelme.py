from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mutualseg.data.coco_json import is_coco
from mutualseg.data.cvat import is_cvat
from mutualseg.data.drawn_masks import DrawnMasks
from mutualseg.data.label_names import name_labels
from mutualseg.data.labelme import draw_masks, is_labelme
from mutualseg.errors import DataError, MaskError
from tests.data.made_annotations import (
    HEIGHT,
    WIDTH,
    blank,
    labelme,
    labelme_shape,
    made_images,
    png_text,
    read,
    state_of,
    write_json,
)

SQUARE = [[2, 1], [6, 1], [6, 5], [2, 5]]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))


def draw_one(root: Path, *shapes: dict[str, Any], classes: list[str] | None = None) -> DrawnMasks:
    images = made_images(root / "data", "a.png")
    file = write_json(root / "data/images/a.json", labelme(*shapes))
    return draw_masks([file], images, classes)


def test_a_folder_is_drawn_and_found_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    images = made_images(data, "a.png", "b.jpg", "without.png")
    files = [
        write_json(data / "images/a.json", labelme(labelme_shape("cell 10", "polygon", SQUARE))),
        write_json(data / "images/b.json", labelme(labelme_shape("cell 2", "rectangle", [[9, 8], [4, 3]]))),
        write_json(data / "images/c.json", labelme(labelme_shape("cell 3", "polygon", SQUARE))),
    ]
    before = state_of(data)
    seen: list[tuple[int, int]] = []
    drawn = draw_masks(files, images, progress=lambda *done: seen.append(done))
    assert drawn.classes == ("background", "cell 2", "cell 10")
    assert drawn.absent == ("c.json",)
    assert drawn.empty == ()
    assert seen == [(1, 2), (2, 2)]
    expected = {"a.png": blank(), "b.jpg": blank()}
    expected["a.png"][1:5, 2:6] = 2
    expected["b.jpg"][3:8, 4:9] = 1
    assert drawn.masks.keys() == expected.keys()
    for name, mask in expected.items():
        np.testing.assert_array_equal(read(drawn.masks[name]), mask)
        assert drawn.masks[name].is_relative_to(tmp_path / "cache")
    assert draw_masks(files, images, progress=lambda *done: seen.append(done)) == drawn
    assert len(seen) == 2
    assert state_of(data) == before


def test_an_edited_file_is_drawn_anew(tmp_path: Path) -> None:
    first = draw_one(tmp_path, labelme_shape("x", "polygon", SQUARE))
    second = draw_one(tmp_path, labelme_shape("x", "polygon", SQUARE[:3]))
    assert read(first.masks["a.png"]).sum() == 16
    assert read(second.masks["a.png"]).sum() < 16


def test_later_shapes_paint_over_and_two_labels_are_special(tmp_path: Path) -> None:
    drawn = draw_one(
        tmp_path,
        labelme_shape("x", "rectangle", [[0, 0], [10, 10]]),
        labelme_shape("y", "rectangle", [[2, 2], [8, 8]]),
        labelme_shape("_background_", "rectangle", [[3, 3], [4, 4]]),
        labelme_shape("__ignore__", "rectangle", [[5, 5], [6, 6]]),
    )
    expected = blank()
    expected[:10, :10] = 1
    expected[2:8, 2:8] = 2
    expected[3, 3] = 0
    expected[5, 5] = 255
    assert drawn.classes == ("background", "x", "y")
    np.testing.assert_array_equal(read(drawn.masks["a.png"]), expected)


def test_a_circle_goes_through_its_second_point(tmp_path: Path) -> None:
    mask = read(draw_one(tmp_path, labelme_shape("x", "circle", [[8, 6], [11, 10]])).masks["a.png"])
    for row in range(HEIGHT):
        for column in range(WIDTH):
            assert mask[row, column] == ((column + 0.5 - 8) ** 2 + (row + 0.5 - 6) ** 2 <= 25)


def test_a_mask_shape_is_its_pixels(tmp_path: Path) -> None:
    inside = np.zeros((3, 4), bool)
    inside[0, 0] = inside[2, 1:] = True
    shape = labelme_shape("x", "mask", [[5, 2], [8, 4]], mask=png_text(inside))
    expected = blank()
    expected[2:5, 5:9] = inside
    np.testing.assert_array_equal(read(draw_one(tmp_path, shape).masks["a.png"]), expected)


def test_four_points_of_a_turned_rectangle(tmp_path: Path) -> None:
    diamond = [[8, 2], [12, 6], [8, 10], [4, 6]]
    mask = read(draw_one(tmp_path, labelme_shape("x", "oriented_rectangle", diamond)).masks["a.png"])
    assert mask[6, 8] == 1
    assert mask[2, 4] == 0


def test_files_of_the_first_versions_are_read(tmp_path: Path) -> None:
    content = labelme({"label": "x", "points": SQUARE, "line_color": None})
    for key in ("imageHeight", "imageWidth", "version", "flags"):
        del content[key]
    images = made_images(tmp_path, "a.png")
    drawn = draw_masks([write_json(tmp_path / "images/a.json", content)], images)
    assert read(drawn.masks["a.png"]).sum() == 16


def test_a_file_without_shapes_is_background(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", "b.png")
    files = [
        write_json(tmp_path / "masks/a.json", labelme()),
        write_json(tmp_path / "masks/b.json", labelme(labelme_shape("x", "polygon", SQUARE))),
    ]
    drawn = draw_masks(files, images)
    assert not read(drawn.masks["a.png"]).any()
    assert drawn.empty == ("a.png",)


def test_folders_tell_images_of_one_name_apart(tmp_path: Path) -> None:
    images = made_images(tmp_path, "train/a.png", "val/a.png")
    files = [
        write_json(tmp_path / f"masks/{part}/a.json", labelme(labelme_shape(part, "polygon", SQUARE)))
        for part in ("val", "train")
    ]
    drawn = draw_masks(files, images)
    assert drawn.classes == ("background", "train", "val")
    assert read(drawn.masks["train/a.png"]).max() == 1
    assert read(drawn.masks["val/a.png"]).max() == 2
    with pytest.raises(
        MaskError, match=r"a\.json names the image .* which could be train/a.png or val/a.png"
    ):
        draw_masks([write_json(tmp_path / "masks/a.json", labelme())], images)


@pytest.mark.parametrize(
    ("classes", "square", "rest"),
    [
        (["background", "y", "x"], 2, 0),
        (["x", "Background"], 0, 1),
        (["ground", "x"], 1, 255),  # it may not be guessed what is left over
        (["x", "y"], 0, 255),
    ],
)
def test_a_class_list_gives_the_indices(tmp_path: Path, classes: list[str], square: int, rest: int) -> None:
    drawn = draw_one(tmp_path, labelme_shape("x", "polygon", SQUARE), classes=classes)
    expected = blank(rest)
    expected[1:5, 2:6] = square
    assert drawn.classes == tuple(classes)
    np.testing.assert_array_equal(read(drawn.masks["a.png"]), expected)


def test_an_unknown_label_names_file_label_and_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"a\.json: shapes\[0\] has the label 'carr'.*'car'.*class list"):
        draw_one(tmp_path, labelme_shape("carr", "polygon", SQUARE), classes=["background", "car", "sky"])


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "points"])
def test_open_shapes_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(MaskError, match=rf"a\.json: shapes\[0\] \({kind} 'x'\) encloses no area; redraw"):
        draw_one(tmp_path, labelme_shape("x", kind, SQUARE))


def test_an_exif_orientation_is_named(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(images["a.jpg"], exif=exif)
    file = write_json(tmp_path / "images/a.json", labelme(labelme_shape("x", "polygon", SQUARE)))
    with pytest.raises(MaskError, match=r"a\.json was annotated at 16x12 pixels, .* is 12x16 when upright"):
        draw_masks([file], images)


small = np.zeros((2, 2), bool)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (labelme_shape("x", "polygon", SQUARE[:2]), "has 2 points, and an outline needs at least 3"),
        (labelme_shape("x", "polygon", [[1, 2], [3, 4], [5, float("nan")]]), "not a number"),
        (labelme_shape("x", "polygon", [[1, 2], [3, 4], [5, float("inf")]]), "infinite"),
        (labelme_shape("x", "polygon", [[1, 2], [3, 4], [5, 10**400]]), "too large"),
        (labelme_shape("x", "polygon", [[1, 2], [3, 4], [5]]), "list of points"),
        (labelme_shape("x", "rectangle", SQUARE[:3]), "3 points, and 2 are needed"),
        (labelme_shape("x", "circle", [[1, 1], [1, 1]]), "no extent"),
        (labelme_shape("x", "star", SQUARE), "kind that is not read"),
        (labelme_shape("", "polygon", SQUARE), r"shapes\[0\]\.label is empty"),
        (labelme_shape("x", "mask", [[0, 0], [1, 1]]), "mask is null"),
        (labelme_shape("x", "mask", [[0, 0], [1, 1]], mask="#"), "is not base64"),
        (labelme_shape("x", "mask", [[0, 0], [1, 1]], mask="aGVsbG8="), "holds no image"),
        (labelme_shape("x", "mask", [[0, 0], [2, 1]], mask=png_text(small)), "2x2 pixels in a box of 3x2"),
        (labelme_shape("x", "mask", [[-1, 0], [0, 1]], mask=png_text(small)), "outside the image"),
        (labelme_shape("x", "mask", [[15, 0], [16, 1]], mask=png_text(small)), "outside the image"),
    ],
)
def test_a_broken_shape_is_named(tmp_path: Path, shape: dict[str, Any], problem: str) -> None:
    with pytest.raises(MaskError, match=rf"images/a\.json: .*{problem}.*; "):
        draw_one(tmp_path, shape)


def test_files_without_images_and_no_files_are_refused(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png")
    file = write_json(tmp_path / "images/b.json", labelme())
    with pytest.raises(MaskError, match=r"images names none of the 1 images \(it begins with 'b.json'\)"):
        draw_masks([file], images)
    with pytest.raises(DataError, match="no LabelMe files"):
        draw_masks([], images)
    with pytest.raises(MaskError, match="no class besides the background"):
        draw_masks([write_json(tmp_path / "images/a.json", labelme())], images)


def test_two_files_for_one_image_are_refused(tmp_path: Path) -> None:
    files = [write_json(tmp_path / f"{folder}/a.json", labelme()) for folder in ("one", "two")]
    with pytest.raises(MaskError, match=r"two/a\.json is a second entry for the image a\.png"):
        draw_masks(files, made_images(tmp_path, "a.png"))


def test_the_format_is_told_by_a_glimpse(tmp_path: Path) -> None:
    long = labelme(labelme_shape("x", "polygon", SQUARE), imageData="A" * 300_000)
    file = write_json(tmp_path / "a.json", long)
    assert is_labelme(file)
    last = dict(reversed(long.items()))
    assert is_labelme(write_json(tmp_path / "b.json", last))
    assert not is_coco(file)
    assert not is_cvat(file)
    others: tuple[Any, ...] = ({}, {"shapes": []}, ["shapes"])
    for other in others:
        assert not is_labelme(write_json(tmp_path / "other.json", other))
    assert not is_labelme(tmp_path / "missing.json")


@given(st.integers(1, 300))
def test_at_most_254_labels_fit(count: int) -> None:
    labels = [f"label {index}" for index in range(count)]
    if count <= 254:
        names = name_labels(labels, None, "file")
        assert len(names.classes) == count + 1
        assert names.index(labels[-1], "file") == count
    else:
        with pytest.raises(MaskError, match="at most 254"):
            name_labels(labels, None, "file")


def test_folders_above_the_data_say_nothing(tmp_path: Path) -> None:
    data = tmp_path / "test" / "data"
    images = made_images(data, "train/a.png")
    file = write_json(data / "labels/a.json", labelme(labelme_shape("x", "polygon", SQUARE)))
    assert list(draw_masks([file], images).masks) == ["train/a.png"]


def test_a_file_without_shapes_says_nothing_where_there_is_no_background(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", "b.png")
    files = [
        write_json(tmp_path / "images/a.json", labelme(labelme_shape("x", "polygon", SQUARE))),
        write_json(tmp_path / "images/b.json", labelme()),
    ]
    drawn = draw_masks(files, images, ["x", "y"])
    assert (list(drawn.masks), drawn.empty) == (["a.png"], ("b.png",))
    assert list(draw_masks(files, images, ["x", "Background"]).masks) == ["a.png", "b.png"]


def test_only_named_images_decide_whether_masks_are_drawn_again(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", "b.png")
    files = [
        write_json(tmp_path / "images/a.json", labelme(labelme_shape("x", "polygon", SQUARE))),
        write_json(tmp_path / "images/gone.json", labelme(labelme_shape("y", "polygon", SQUARE))),
    ]
    seen: list[int] = []

    def draw(images: dict[str, Path]) -> DrawnMasks:
        seen.clear()
        return draw_masks(files, images, progress=lambda done, total: seen.append(total))

    first = draw(images)
    assert (seen, first.absent) == ([1], ("gone.json",))
    images |= made_images(tmp_path, "c.png", "more/d.png")
    assert draw(images) == first
    del images["b.png"]
    assert draw(images) == first
    assert seen == []
    images |= made_images(tmp_path, "gone.png")
    found = draw(images)
    assert (seen, found.absent, found.classes) == ([2, 2], (), ("background", "x", "y"))
    images |= made_images(tmp_path, "a.png", size=(24, 16))
    with pytest.raises(MaskError, match="annotated at 16x12"):
        draw(images)
