from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.coco_json import draw_masks, is_coco, is_coco_panoptic
from mutualseg.data.cvat import is_cvat
from mutualseg.data.labelme import is_labelme
from mutualseg.errors import MaskError
from tests.data.made_annotations import (
    HEIGHT,
    WIDTH,
    blank,
    box,
    coco,
    coco_object,
    made_images,
    read,
    rle,
    state_of,
    write_json,
)

CATEGORIES = {7: "cat", 3: "dog"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))


def draw_one(root: Path, *objects: dict[str, Any], classes: list[str] | None = None) -> Any:
    images = made_images(root / "data", "a.png")
    file = write_json(root / "data/instances.json", coco(["a.png"], objects, CATEGORIES))
    return read(draw_masks(file, images, classes).masks["a.png"])


def test_categories_in_the_order_of_their_ids_and_images_by_their_names(tmp_path: Path) -> None:
    data = tmp_path / "data"
    images = made_images(data, "train/a.png", "train/b.jpg", "train/not listed.png", "val/b.jpg")
    objects = [
        coco_object(1, 1, 7, [box(1, 2, 5, 6)]),
        coco_object(2, 2, 3, [box(0, 0, 2, 2), box(1, 1, 4, 4)]),
        coco_object(3, 4, 3, [box(0, 0, 2, 2)]),
    ]
    names = ["a.png", "train\\b.jpg", "b.jpg", "gone.jpg"]
    file = write_json(data / "annotations/instances_train.json", coco(names, objects, CATEGORIES))
    with pytest.raises(MaskError, match=r"which could be train/b\.jpg or val/b\.jpg"):
        draw_masks(file, images)
    del images["val/b.jpg"]
    file = write_json(file, coco([names[0], names[1], "val/b.jpg", names[3]], objects, CATEGORIES))
    before = state_of(data)
    drawn = draw_masks(file, images)
    assert drawn.classes == ("background", "dog", "cat")
    assert drawn.absent == ("val/b.jpg", "gone.jpg")
    first, second = blank(), blank()
    first[2:6, 1:5] = 2
    second[:2, :2] = second[1:4, 1:4] = 1  # the polygons of one object are united
    assert drawn.masks.keys() == {"train/a.png", "train/b.jpg"}
    np.testing.assert_array_equal(read(drawn.masks["train/a.png"]), first)
    np.testing.assert_array_equal(read(drawn.masks["train/b.jpg"]), second)
    assert draw_masks(file, images) == drawn
    assert state_of(data) == before


def test_smaller_objects_lie_on_larger_ones_and_all_on_crowds(tmp_path: Path) -> None:
    crowd = blank()
    crowd[:, 8:] = 1
    whole = blank()
    whole[2:10, 2:12] = 1
    expected = blank()
    expected[:, 8:] = 255
    expected[2:10, 2:12] = 1
    expected[4:6, 4:9] = 2
    mask = draw_one(
        tmp_path,
        coco_object(1, 1, 7, [box(4, 4, 9, 6)]),
        coco_object(2, 1, 3, rle(whole, as_text=False)),
        coco_object(3, 1, 3, rle(crowd, as_text=False), iscrowd=1),
    )
    np.testing.assert_array_equal(mask, expected)


def test_of_two_objects_as_large_the_later_one_is_seen(tmp_path: Path) -> None:
    objects = [coco_object(1, 1, 7, [box(0, 0, 4, 4)]), coco_object(2, 1, 3, [box(2, 0, 6, 4)])]
    assert draw_one(tmp_path, *objects)[0, :6].tolist() == [2, 2, 1, 1, 1, 1]
    assert draw_one(tmp_path, *objects[::-1])[0, :6].tolist() == [2, 2, 2, 2, 1, 1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.booleans())
def test_a_mask_survives_its_run_lengths(
    tmp_path_factory: pytest.TempPathFactory, seed: int, share: float, as_text: bool
) -> None:
    expected = (np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share).astype(np.uint8)
    root = tmp_path_factory.mktemp("coco")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUTUALSEG_CACHE", str(root / "cache"))
        mask = draw_one(root, coco_object(1, 1, 3, rle(expected, as_text=as_text)))
    np.testing.assert_array_equal(mask, expected)


def test_an_image_without_objects_is_background_or_not_annotated_yet(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", "b.png")
    objects = [coco_object(1, 1, 7, [box(1, 2, 5, 6)])]
    file = write_json(tmp_path / "coco.json", coco(["a.png", "b.png"], objects, CATEGORIES))
    drawn = draw_masks(file, images)
    assert not read(drawn.masks["b.png"]).any()
    other = draw_masks(file, images, empty_is_background=False)
    assert list(other.masks) == ["a.png"]
    assert drawn.empty == other.empty == ("b.png",)


@pytest.mark.parametrize(("empty", "classes", "drawn"), [(1, None, 2), (2, None, 1), (1, ["dog", "cat"], 1)])
def test_most_images_without_objects_are_not_annotated_yet(
    tmp_path: Path, empty: int, classes: list[str] | None, drawn: int
) -> None:
    names = [f"{index}.png" for index in range(1 + empty)]
    images = made_images(tmp_path, *names)
    objects = [coco_object(1, 1, 7, [box(1, 2, 5, 6)])]
    file = write_json(tmp_path / "coco.json", coco(names, objects, CATEGORIES))
    found = draw_masks(file, images, classes, empty_is_background=None)
    assert list(found.masks) == names[:drawn]
    assert found.empty == tuple(names[1:])


def test_a_category_called_background_is_index_0_and_categories_of_one_name_are_one(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png")
    objects = [coco_object(1, 1, 5, [box(0, 0, 9, 9)]), coco_object(2, 1, 2, [box(1, 1, 3, 3)])]
    content = coco(["a.png"], objects, {1: "cat", 2: "Background", 4: "dog", 5: "cat"})
    drawn = draw_masks(write_json(tmp_path / "coco.json", content), images)
    assert drawn.classes == ("background", "cat", "dog")
    mask = read(drawn.masks["a.png"])
    assert mask[1, 1] == 0
    assert mask[0, 0] == 1


def test_a_class_list_gives_the_indices_and_unused_categories_may_be_missing(tmp_path: Path) -> None:
    thing = coco_object(1, 1, 7, [box(0, 0, 4, 4)])
    assert draw_one(tmp_path, thing, classes=["background", "tree", "cat"])[0, 0] == 2
    with pytest.raises(MaskError, match=r"instances\.json: annotations\[0\] has the label 'cat'.*'cats'"):
        draw_one(tmp_path, thing, classes=["background", "tree", "cats"])


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"segmentation": []}, "has no segmentation"),
        ({"segmentation": None}, "has no segmentation"),
        ({"segmentation": [[1, 2, 3, 4]]}, r"segmentation\[0\] has 2 points"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, r"segmentation\[0\] has 7 numbers"),
        ({"segmentation": [1, 2, 3, 4, 5, 6]}, r"segmentation\[0\] is the number 1, and a list is needed"),
        ({"segmentation": [[1, 2, 3, 4, "5", 6]]}, "not a number"),
        ({"segmentation": [[1, 2, 3, 4, True, 6]]}, "not a number"),
        ({"segmentation": [[1, 2, 3, 4, 1e9, 6]]}, "no pixel position"),
        (
            {"segmentation": {"size": [16, 12], "counts": [192]}},
            r"has the size .*and its image has \[12, 16\]",
        ),
        ({"segmentation": {"size": [12, 16], "counts": [190]}}, "cover 190 of its 192"),
        ({"segmentation": {"size": [12, 16], "counts": [500]}}, "more than its 192"),
        ({"segmentation": {"size": [12, 16], "counts": [-1, 193]}}, "negative"),
        ({"segmentation": {"size": [12, 16], "counts": [0.5, 191.5]}}, "not whole"),
        ({"segmentation": {"size": [12, 16], "counts": "~~"}}, "no compressed"),
        ({"segmentation": {"size": [12, 16], "counts": "1"}}, "cover 1 of its 192"),
        ({"segmentation": {"counts": [192]}}, "has no 'size'"),
        ({"image_id": 9}, 'image_id 9, which "images" does not list'),
        ({"category_id": 9}, 'category_id 9, which "categories" does not list'),
    ],
)
def test_a_broken_object_is_named(tmp_path: Path, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(MaskError, match=rf"instances\.json: annotations\[0\].*{problem}.*; "):
        draw_one(tmp_path, coco_object(1, 1, 7, [box(0, 0, 4, 4)]) | more)


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", size=(20, 30))
    content = coco(["a.png"], [coco_object(1, 1, 7, [box(0, 0, 4, 4)])], CATEGORIES)
    with pytest.raises(MaskError, match=r"coco\.json: a\.png was annotated at 16x12 .* its image is 30x20; "):
        draw_masks(write_json(tmp_path / "coco.json", content), images)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["b.png"], "names none of the 1 images .*'b.png'"),
        ([], "names none of the 1 images"),
        (["a.png", "x/a.png"], "second entry for the image a.png"),
    ],
)
def test_a_list_of_images_that_does_not_fit(tmp_path: Path, names: list[str], problem: str) -> None:
    images = made_images(tmp_path, "a.png")
    with pytest.raises(MaskError, match=problem):
        draw_masks(write_json(tmp_path / "coco.json", coco(names, [], CATEGORIES)), images)


def test_ids_that_occur_twice_are_refused(tmp_path: Path) -> None:
    images = made_images(tmp_path, "a.png", "b.png")
    for key in ("images", "categories"):
        content = coco(["a.png", "b.png"], [], CATEGORIES)
        content[key][1]["id"] = content[key][0]["id"]
        with pytest.raises(MaskError, match=rf"{key}\[1\] has the id"):
            draw_masks(write_json(tmp_path / f"{key}.json", content), images)


def test_the_format_is_told_by_a_glimpse(tmp_path: Path) -> None:
    many = [coco_object(index, 1, 7, [box(0, 0, 4, 4)]) for index in range(3000)]
    content = coco(["a.png"] * 3000, many, CATEGORIES)
    for number, keys in enumerate((list(content), list(reversed(content)), ["annotations"])):
        file = write_json(tmp_path / f"{number}.json", {key: content[key] for key in keys})
        assert is_coco(file)
        assert not is_coco_panoptic(file)
        assert not is_labelme(file)
        assert not is_cvat(file)
    panoptic = {"annotations": [{"segments_info": []}], "categories": [{"id": 1}], "images": []}
    assert is_coco_panoptic(write_json(tmp_path / "panoptic.json", panoptic))
    assert not is_coco(tmp_path / "panoptic.json")
    for other in ({}, {"images": 3}, ["images"]):
        assert not is_coco(write_json(tmp_path / "other.json", other))
