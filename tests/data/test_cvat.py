from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.coco_json import is_coco
from mutualseg.data.cvat import draw_masks, is_cvat
from mutualseg.data.labelme import is_labelme
from mutualseg.errors import DataError, MaskError
from tests.data.made_annotations import (
    HEIGHT,
    WIDTH,
    blank,
    cvat,
    cvat_image,
    cvat_shape,
    made_images,
    read,
    runs_of,
    state_of,
)

SQUARE = "2.00,1.00;6.00,1.00;6.00,5.00;2.00,5.00"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def draw_one(root: Path, *shapes: str, labels: tuple[str, ...] = (), classes: list[str] | None = None) -> Any:
    images = made_images(root / "data", "a.png")
    file = write(root / "data/annotations.xml", cvat(cvat_image("a.png", *shapes), labels=labels))
    return read(draw_masks(file, images, classes).masks["a.png"])


def test_labels_in_the_order_declared_and_images_by_their_names(tmp_path: Path) -> None:
    data = tmp_path / "data"
    images = made_images(data, "train/a.png", "train/b.jpg", "train/c.png")
    text = cvat(
        cvat_image("train/a.png", cvat_shape("polygon", "zebra", points=SQUARE), "<tag label='any'></tag>"),
        cvat_image("b.png", cvat_shape("box", "ant", xtl=3, ytl=2, xbr=7, ybr=8), number=1),
        cvat_image("c.png", number=2),
        cvat_image("gone.png", cvat_shape("box", "ant", xtl=3, ytl=2, xbr=7, ybr=8), number=3),
        labels=("zebra", "background", "ant"),
    )
    file = write(data / "annotations.xml", text)
    before = state_of(data)
    drawn = draw_masks(file, images)
    assert drawn.classes == ("background", "zebra", "ant")
    assert (drawn.absent, drawn.empty) == (("gone.png",), ("train/c.png",))
    assert drawn.masks.keys() == {"train/a.png", "train/b.jpg"}
    first, second = blank(), blank()
    first[1:5, 2:6] = 1
    second[2:8, 3:7] = 2
    np.testing.assert_array_equal(read(drawn.masks["train/a.png"]), first)
    np.testing.assert_array_equal(read(drawn.masks["train/b.jpg"]), second)
    looked_at = draw_masks(file, images, empty_is_background=True)
    assert not read(looked_at.masks["train/c.png"]).any()
    assert state_of(data) == before


def test_undeclared_labels_are_sorted_naturally(tmp_path: Path) -> None:
    shapes = [cvat_shape("polygon", f"cell {number}", points=SQUARE) for number in (10, 9)]
    images = made_images(tmp_path, "a.png")
    drawn = draw_masks(write(tmp_path / "a.xml", cvat(cvat_image("a.png", *shapes))), images)
    assert drawn.classes == ("background", "cell 9", "cell 10")


def test_points_of_skeletons_and_tags_are_no_classes(tmp_path: Path) -> None:
    labels = (
        "<label><name>body</name><type>skeleton</type></label>"
        "<label><name>nose</name><type>points</type><parent>body</parent></label>"
        "<label><name>blurred</name><type>tag</type></label><label><name>cat</name><type>mask</type></label>"
    )
    text = cvat(cvat_image("a.png", cvat_shape("polygon", "cat", points=SQUARE))).replace(
        "</version>", f"</version><meta><project><labels>{labels}</labels></project></meta>"
    )
    drawn = draw_masks(write(tmp_path / "a.xml", text), made_images(tmp_path, "a.png"))
    assert drawn.classes == ("background", "cat")


def test_shapes_are_painted_by_z_order_and_then_in_the_order_of_the_file(tmp_path: Path) -> None:
    def stripe(label: str, z_order: int, x: int) -> str:
        return cvat_shape("box", label, z_order, xtl=x, ytl=0, xbr=x + 3, ybr=4)

    shapes = stripe("top", 2, 0), stripe("low", -1, 1), stripe("x", 0, 2), stripe("y", 0, 3)
    mask = draw_one(tmp_path, *shapes, labels=("top", "low", "x", "y"))
    assert mask[0, :7].tolist() == [1, 1, 1, 4, 4, 4, 0]


def test_a_box_turns_clockwise_about_its_center(tmp_path: Path) -> None:
    expected = blank()
    expected[2:10, 7:9] = 1
    turned = cvat_shape("box", "x", xtl=4, ytl=5, xbr=12, ybr=7, rotation=90)
    np.testing.assert_array_equal(draw_one(tmp_path, turned), expected)
    slightly = draw_one(tmp_path, cvat_shape("box", "x", xtl=2, ytl=5, xbr=14, ybr=7, rotation=20))
    assert slightly[3, 3] == 1
    assert slightly[8, 12] == 1
    assert slightly[8, 3] == slightly[3, 12] == 0


def test_an_ellipse(tmp_path: Path) -> None:
    mask = draw_one(tmp_path, cvat_shape("ellipse", "x", cx=8, cy=6, rx=5, ry=2, rotation=90))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            inside = ((column + 0.5 - 8) / 2) ** 2 + ((row + 0.5 - 6) / 5) ** 2 <= 1
            assert mask[row, column] == inside


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_mask_survives_its_run_lengths(
    tmp_path_factory: pytest.TempPathFactory, seed: int, share: float
) -> None:
    inside = np.random.default_rng(seed).random((5, 7)) < share
    expected = blank()
    expected[4:9, 3:10] = inside
    runs = ", ".join(map(str, runs_of(inside.ravel().tolist())))
    root = tmp_path_factory.mktemp("cvat")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUTUALSEG_CACHE", str(root / "cache"))
        shape = cvat_shape("mask", "x", rle=runs, left=3, top=4, width=7, height=5)
        np.testing.assert_array_equal(draw_one(root, shape), expected)


def test_a_class_list_gives_the_indices(tmp_path: Path) -> None:
    shape = cvat_shape("polygon", "car", points=SQUARE)
    assert draw_one(tmp_path, shape, classes=["background", "sky", "car"])[1, 2] == 2
    with pytest.raises(MaskError, match=r"annotations\.xml: 'a.png', shape 0 .* label 'car'.*'cart'"):
        draw_one(tmp_path, shape, classes=["background", "sky", "cart"])


@pytest.mark.parametrize("kind", ["polyline", "points", "cuboid", "skeleton"])
def test_open_shapes_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(
        MaskError, match=rf"annotations\.xml: .*'a.png', shape 0 \({kind}\) encloses no area; re"
    ):
        draw_one(tmp_path, cvat_shape(kind, "x", points=SQUARE))


MASK = {"rle": "0, 4", "left": 0, "top": 0, "width": 2, "height": 2}
BOX = {"xtl": 1, "ytl": 1, "xbr": 2, "ybr": 2}
ELLIPSE = {"cx": 1, "cy": 1, "rx": 1, "ry": 1}


@pytest.mark.parametrize(
    ("kind", "attributes", "problem"),
    [
        ("polygon", {"points": "1,2;3,4"}, "has 2 points, and an outline needs at least 3"),
        ("polygon", {"points": "1,2;3,4;5"}, "not of the form"),
        ("polygon", {"points": "1,2;3,4;5,x"}, "not a number"),
        ("polygon", {"points": "1,2;3,4;5,nan"}, "not a number"),
        ("polygon", {"points": "1,2;3,4;5,1e999"}, "infinite"),
        ("polygon", {"points": ""}, "empty 'points'"),
        ("polygon", {}, "has no 'points'"),
        ("polygon", {"points": SQUARE, "label": ""}, "empty 'label'"),
        ("box", BOX | {"ybr": "a"}, "'ybr'"),
        ("ellipse", ELLIPSE | {"rx": 0}, "has no extent"),
        ("star", {"points": SQUARE}, "kind that is not read"),
        ("mask", MASK | {"rle": "0, 3"}, "cover 3 of its 4"),
        ("mask", MASK | {"rle": "0, 5"}, "more than its 4"),
        ("mask", MASK | {"rle": "0, -1, 5"}, "negative"),
        ("mask", MASK | {"rle": "0, 1.5, 2.5"}, "not whole"),
        ("mask", MASK | {"left": 15}, "not lie within the image"),
        ("mask", MASK | {"top": -1}, "not lie within the image"),
        ("mask", MASK | {"width": 0}, "not lie within the image"),
        ("mask", MASK | {"width": 9_000_000}, "not lie within the image"),
        ("mask", MASK | {"left": 0.5}, "whole number is needed"),
    ],
)
def test_a_broken_shape_is_named(tmp_path: Path, kind: str, attributes: dict[str, Any], problem: str) -> None:
    shape = cvat_shape(kind, **({"label": "x"} | attributes))
    with pytest.raises(MaskError, match=rf"annotations\.xml: .*'?a.png'?.*, shape 0 .*{problem}.*; "):
        draw_one(tmp_path, shape)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not XML"),
        ("<annotations><image", "not XML, or cut short"),
        ("{}", "not XML"),
        ("<annotation></annotation>", "no <annotations>.*export 'CVAT for images 1.1'"),
        (cvat("<track id='0'></track>"), "tracks of a video.*'CVAT for images 1.1'"),
        (cvat(), "names none of the 1 images"),
        (cvat(cvat_image("b.png")), "names none of the 1 images .*'b.png'"),
        (cvat(cvat_image("a.png"), cvat_image("x/a.png")), "second entry for the image a.png"),
        (cvat(cvat_image("a.png")), "no class besides the background"),
        (cvat("<image id='3' height='12' width='16'></image>"), "image id='3'> has no 'name'"),
        (cvat(before='<!DOCTYPE a [<!ENTITY b "ccc">]>'), "declares a document type .*remove"),
        (cvat(before='<!DOCTYPE a SYSTEM "http://localhost/a.dtd">'), "declares a document type"),
        (cvat().replace("utf-8", "utf-99"), "utf-99|not XML"),
        (cvat(cvat_image("a.png", cvat_shape("polygon", "x", points=SQUARE), height=9)), "annotated at 16x9"),
        (
            cvat(cvat_image("a.png", cvat_shape("polygon", "x", points=SQUARE))).replace('height="12"', ""),
            "has no 'height'",
        ),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    file = write(tmp_path / "annotations.xml", text)
    with pytest.raises(MaskError, match=rf"annotations\.xml.*({problem})"):
        draw_masks(file, made_images(tmp_path, "a.png"))


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    """A few lines could otherwise grow to gigabytes."""
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{level + 1} "{f"&a{level};" * 10}">' for level in range(12)
    )
    text = cvat("<image>&a12;</image>", before=f"<!DOCTYPE x [{entities}]>")
    with pytest.raises(MaskError, match="declares a document type"):
        draw_masks(write(tmp_path / "a.xml", text), made_images(tmp_path, "a.png"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.xml cannot be read"):
        draw_masks(tmp_path / "gone.xml", made_images(tmp_path, "a.png"))


def test_the_format_is_told_by_a_glimpse(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xml", cvat(cvat_image("a.png")))
    assert is_cvat(file)
    assert not is_labelme(file)
    assert not is_coco(file)
    (tmp_path / "b.xml").write_text(
        "<?xml version='1.0' encoding='utf-16'?><annotations></annotations>", "utf-16"
    )
    assert is_cvat(tmp_path / "b.xml")
    assert not is_cvat(write(tmp_path / "voc.xml", "<annotation><object></object></annotation>"))
    assert not is_cvat(tmp_path / "gone.xml")
