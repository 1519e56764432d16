from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.catalog.coco import COCO, COCO_PANOPTIC, COCO_STUFF
from mutualseg.data.layouts.reading import read_layout
from mutualseg.errors import DataError, MaskError
from tests.command.made import write
from tests.data.layouts.made import (
    COCO_IDS,
    coco_names,
    coded,
    write_coco_objects,
    write_coco_panoptic,
    write_coco_stuff,
)


def test_every_value_of_stuff(tmp_path: Path) -> None:
    ids = [*COCO_IDS, *range(92, 183)]
    mask = write(tmp_path / "ids.png", np.array([[*(number - 1 for number in ids), 255]], np.uint8))
    assert COCO_STUFF.masks.read(mask).tolist() == [[*range(171), 255]]


@pytest.mark.parametrize("value", [11, 90, 182, 254])
def test_values_that_no_category_has_are_refused(tmp_path: Path, value: int) -> None:
    with pytest.raises(MaskError, match=f"value {value}"):
        COCO_STUFF.masks.read(write(tmp_path / "ids.png", np.array([[value]], np.uint8)))


def test_classes() -> None:
    for entry, count in ((COCO, 81), (COCO_PANOPTIC, 133), (COCO_STUFF, 171)):
        assert len(entry.classes) == len(set(entry.classes)) == len(entry.colors or ()) == count
    assert COCO.classes[:2] == ("background", "person")
    assert COCO.classes[80] == COCO_STUFF.classes[79] == COCO_PANOPTIC.classes[79] == "toothbrush"
    # By the ids of COCO-Stuff: 105 is clothes, 124 grass, 157 sky-other, 182 wood.
    stuff = {105: "clothes", 124: "grass", 157: "sky-other", 182: "wood"}
    assert {number: COCO_STUFF.classes[80 + number - 92] for number in stuff} == stuff
    assert COCO_PANOPTIC.classes[80:82] == ("banner", "blanket")
    assert COCO_PANOPTIC.classes[-1] == "rug-merged"


@pytest.mark.parametrize("inside", [True, False])
def test_stuff(tmp_path: Path, inside: bool) -> None:
    write_coco_stuff(tmp_path, inside=inside)
    folder = read_layout(tmp_path)
    assert folder.layout == "coco_stuff"
    assert [sample.name for sample in folder.train] == [f"train/{name}" for name in coco_names("train")]
    assert folder.val[0].image == tmp_path / ("images" if inside else "") / "val2017/000000000139.jpg"
    for sample in (*folder.labeled, *folder.val):
        assert sample.mask is not None
        expected = coded(sample.name.partition("/")[2], (0, 79, 170))
        assert (folder.encoding.masks.read(sample.mask) == expected).all()


def test_objects_are_drawn(tmp_path: Path) -> None:
    write_coco_objects(tmp_path)
    folder = read_layout(tmp_path)
    assert folder.layout == "coco"
    assert folder.classes == COCO.classes
    assert [sample.name for sample in folder.labeled] == [f"train/{name}" for name in coco_names("train")]
    assert [sample.name for sample in folder.val] == [f"val/{name}" for name in coco_names("val")]
    assert folder.labeled[0].mask is not None
    mask = folder.encoding.masks.read(folder.labeled[0].mask)
    assert (mask == 80).sum() == 16
    assert (mask == 1).sum() == 400 - 16
    assert mask[13, 13] == 80
    assert mask[11, 11] == 1
    last = folder.labeled[-1].mask
    assert last is not None
    assert not folder.encoding.masks.read(last).any()  # listed without an object: background


def test_segments_are_drawn(tmp_path: Path) -> None:
    write_coco_panoptic(tmp_path)
    folder = read_layout(tmp_path)
    assert folder.layout == "coco_panoptic"
    assert folder.classes == COCO_PANOPTIC.classes
    for sample in (*folder.labeled, *folder.val):
        assert sample.mask is not None
        expected = coded(sample.name.partition("/")[2], (0, 131, 132))
        assert (folder.encoding.masks.read(sample.mask) == expected).all()


def test_what_else_is_there_is_told(tmp_path: Path) -> None:
    write_coco_stuff(tmp_path)
    write_coco_objects(tmp_path)
    folder = read_layout(tmp_path)
    assert folder.layout == "coco_stuff"
    assert folder.notes[-1].endswith("could be as coco too (--layout coco).")
    assert read_layout(tmp_path, "coco").layout == "coco"


def test_own_classes_under_the_file_names_of_coco(tmp_path: Path) -> None:
    write_coco_objects(tmp_path)
    for part in ("train", "val"):
        path = tmp_path / f"annotations/instances_{part}2017.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["categories"] = [{"id": 1, "name": "cell"}, {"id": 90, "name": "nucleus"}]
        path.write_text(json.dumps(content), encoding="utf-8")
    folder = read_layout(tmp_path)
    assert folder.layout == "coco_json"
    assert folder.classes == ("background", "cell", "nucleus")


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("coco", "annotations/instances_train2017.json"),
        ("coco_panoptic", "annotations/panoptic_train2017.json"),
        ("coco_stuff", "stuffthingmaps/train2017"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, layout: str, path: str) -> None:
    (tmp_path / "images/train2017").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path, layout)
    assert str(caught.value).startswith(f"{tmp_path / path} is missing; --layout {layout} expects images/")
