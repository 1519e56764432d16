"""Whatever is wrong with an annotation file, the user gets a sentence that names it, never a traceback."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mutualseg.data import coco_json, coco_panoptic, cvat, labelme
from mutualseg.errors import MutualSegError
from tests.data import made_annotations as made

Reader = Callable[[Path, Mapping[str, Path]], object]

WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2.5,
    10**400,
    1e300,
    float("nan"),
    float("-inf"),
    "",
    "wrong",
    "\ud800",
    [],
    [[]],
    [None],
    {},
    {"a": []},
)


def _read_panoptic(file: Path, images: Mapping[str, Path]) -> object:
    return coco_panoptic.draw_masks(file, file.parent / "pngs", images)


READERS: dict[str, Reader] = {
    "labelme": lambda file, images: labelme.draw_masks([file], images),
    "coco": coco_json.draw_masks,
    "panoptic": _read_panoptic,
    "cvat": cvat.draw_masks,
}
NEEDED = {
    "labelme": {"shapes", "label", "points", "mask"},
    "coco": {
        "images",
        "annotations",
        "categories",
        "id",
        "file_name",
        "image_id",
        "category_id",
        "segmentation",
        "size",
        "counts",
        "name",
    },
    "panoptic": {
        "images",
        "annotations",
        "categories",
        "id",
        "file_name",
        "image_id",
        "category_id",
        "segments_info",
        "name",
    },
}

_inside = np.eye(3, 4, dtype=bool)
_whole = made.blank()
_whole[2:5, 3:9] = 1
CONTENTS: dict[str, Any] = {
    "labelme": made.labelme(
        made.labelme_shape("x", "polygon", [[1, 1], [5, 1], [5, 5]]),
        made.labelme_shape("x", "rectangle", [[1, 1], [5, 5]]),
        made.labelme_shape("x", "circle", [[1, 1], [5, 5]]),
        made.labelme_shape("x", "mask", [[1, 1], [4, 3]], mask=made.png_text(_inside)),
    ),
    "coco": made.coco(
        ["a.png"],
        [
            made.coco_object(1, 1, 1, [made.box(0, 0, 4, 4)]),
            made.coco_object(2, 1, 1, made.rle(_whole, as_text=False), iscrowd=1),
            made.coco_object(3, 1, 1, made.rle(_whole, as_text=True)),
        ],
        {1: "cat"},
    ),
    "panoptic": made.coco(["a.png"], [], {1: "cat", 2: "dog"})
    | {
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 5, "category_id": 2}]}]
    },
}


def _places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(len(content)):
            yield from _places(content[key], (*place, key))


def _changed(content: Any, place: tuple[Any, ...], value: Any, *, drop: bool = False) -> Any:
    if not place:
        return value
    content = copy.deepcopy(content)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    if drop:
        del owner[place[-1]]
    else:
        owner[place[-1]] = value
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("malformed")
    made.made_images(root, "a.png")
    (root / "pngs").mkdir()
    color = np.zeros((made.HEIGHT, made.WIDTH, 3), np.uint8)
    color[..., 0] = 5
    Image.fromarray(color).save(root / "pngs/a.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUTUALSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield root


def _outcome(folder: Path, kind: str, text: str | bytes) -> str | None:
    """Read a file; return the message of its typed error, None if it could be drawn."""
    file = folder / ("a.xml" if kind == "cvat" else "a.json")
    # The text is part of the name of the folder above: a changed file never meets an older cache.
    file = folder / f"{abs(hash(text))}" / file.name
    file.parent.mkdir(exist_ok=True)
    if not (file.parent / "pngs").exists():
        (file.parent / "pngs").symlink_to(folder / "pngs")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        READERS[kind](file, {"a.png": folder / "images/a.png"})
    except MutualSegError as error:
        message = str(error)
        assert file.name in message or str(file.parent) in message, message
        assert re.search(r"[;:] [^;:]+\.$", message), message
        assert "\n" not in message
        return message
    return None


@pytest.mark.parametrize("kind", CONTENTS)
def test_the_sound_file_is_drawn(folder: Path, kind: str) -> None:
    assert _outcome(folder, kind, json.dumps(CONTENTS[kind])) is None


@pytest.mark.parametrize("kind", CONTENTS)
def test_each_key_dropped(folder: Path, kind: str) -> None:
    refused = set()
    for place in _places(CONTENTS[kind]):
        if place:
            message = _outcome(folder, kind, json.dumps(_changed(CONTENTS[kind], place, None, drop=True)))
            if message is not None and isinstance(place[-1], str):
                refused.add(place[-1])
    assert refused >= NEEDED[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONTENTS)
def test_each_value_replaced(folder: Path, kind: str) -> None:
    refused = count = 0
    for place in _places(CONTENTS[kind]):
        for wrong in WRONG:
            count += 1
            refused += _outcome(folder, kind, json.dumps(_changed(CONTENTS[kind], place, wrong))) is not None
    assert count > 400
    assert refused > count / 3


XML = made.cvat(
    made.cvat_image(
        "a.png",
        made.cvat_shape("polygon", "x", points="1,1;5,1;5,5"),
        made.cvat_shape("box", "x", xtl=1, ytl=1, xbr=5, ybr=5, rotation=10),
        made.cvat_shape("ellipse", "x", cx=4, cy=4, rx=2, ry=3),
        made.cvat_shape("mask", "x", rle="1, 2, 1", left=0, top=0, width=2, height=2),
    ),
    labels=("x",),
)


def test_each_attribute_dropped_and_replaced(folder: Path) -> None:
    assert _outcome(folder, "cvat", XML) is None
    attributes = list(re.finditer(r' (\w+)="([^"]*)"', XML))
    needed = {"name", "width", "height", "label", "points", "xtl", "cx", "rx", "ry", "rle", "left", "top"}
    refused = set()
    for found in attributes:
        if found[1] in ("version", "encoding"):
            continue
        if _outcome(folder, "cvat", XML[: found.start()] + XML[found.end() :]) is not None:
            refused.add(found[1])
        for wrong in ("", "-1", "1e999", "nan", "x", "1,2", ";", "9" * 400, "1;2", "0", "2.5"):
            _outcome(folder, "cvat", f'{XML[: found.start()]} {found[1]}="{wrong}"{XML[found.end() :]}')
    assert refused >= needed


TEXTS = {kind: json.dumps(content).encode() for kind, content in CONTENTS.items()} | {"cvat": XML.encode()}


@pytest.mark.parametrize("kind", TEXTS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_cut_short_or_with_a_changed_byte(folder: Path, kind: str, data: st.DataObject) -> None:
    text = TEXTS[kind]
    at = data.draw(st.integers(0, len(text) - 3))
    assert _outcome(folder, kind, text[:at]) is not None
    changed = bytes([data.draw(st.integers(0, 255))])
    _outcome(folder, kind, text[:at] + changed + text[at + 1 :])


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("text", [b"", b"\0", b"[" * 100_000, b"\xff\xfe", b"9" * 5000, b'{"a": 1}{'])
def test_what_is_no_such_file_at_all(folder: Path, kind: str, text: bytes) -> None:
    assert _outcome(folder, kind, text) is not None
