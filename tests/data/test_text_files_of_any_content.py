"""Whatever a text file of a user holds, it ends as a value or as one typed line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualseg.configuration_files import read_configuration
from mutualseg.data import coco_json, coco_panoptic, cvat, labelme
from mutualseg.data.class_files import read_class_file
from mutualseg.data.folder import read_folder
from mutualseg.data.name_lists import read_lines
from mutualseg.data.split_file import read_split, write_split
from mutualseg.data.splits import make_split
from mutualseg.errors import MutualSegError
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from tests.data.made import write_folder
from tests.data.made_annotations import coco_object, labelme_shape, made_images
from tests.data.made_annotations import labelme as labelme_file

LONG = "9" * 5000
DEEP = "[" * 20_000
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = {
    "nothing": b"",
    "a NUL": b"a\0b",
    "UTF-16": "classes: [a, b]".encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf{}",
    "no UTF-8": b"\xff\xfe\xfd",
    "deep lists": DEEP.encode(),
    "deep mappings": b'{"a":' * 20_000,
    "a long number": LONG.encode(),
    "a mapping to a long number": f"classes: {LONG}".encode(),
    "no number": b'{"format": NaN, "labeled": [Infinity, -Infinity, 1e999]}',
    "aliases": BOMB.encode(),
    "aliases as classes": f"{BOMB}classes: *i\n".encode(),
    "aliases as values": f"{BOMB}classes: [u, v]\nvalues: {{u: *i, v: 1}}\n".encode(),
    "a circle": b"classes: &a [*a, *a]\n",
    "a tag": b"classes: !!python/object/apply:os.system ['true']\n",
    "a wrong tag": b"steps: !!bool perhaps\nclasses: [!!int x, b]\n",
    "no date": b"steps: 2001-99-99\n",
    "an empty binary number": b"steps: 0b_\n",
    "a long name": b"classes: [" + b"n" * 40_000 + b", b]\n",
    "a long key": b"k" * 100_000 + b": 1\n",
    "much": b"a: 1\n" * 300_000,
}
"""What nobody writes by hand."""


def answer(read: Callable[[], object], path: Path) -> object:
    """Return what a reader returned; whatever it raises must be one typed line with the file's name."""
    try:
        return read()
    except MutualSegError as error:
        message = str(error)
        assert str(path) in message or str(path.parent) in message
        assert len(message.splitlines()) == 1, message
        assert len(message) < 1500, message[:3000]
        assert message.isprintable(), message
        message.encode()
        return None


def readers(root: Path) -> dict[str, tuple[Path, Callable[[], object]]]:
    """Return every reader of a text file with the file that it reads."""
    folder = read_folder(write_folder(root / "data", [f"train/{index}" for index in range(4)]))
    images = made_images(root / "annotated", "a.png")
    classes = root / "classes"
    classes.mkdir()
    run = RunFolder(root / "run")
    run.root.mkdir()
    split, names = root / "split.json", root / "list.txt"
    settings_file, config = run.config, root / "options.yaml"
    annotations, xml = root / "annotations.json", root / "annotations.xml"

    def run_settings() -> object:
        return Settings.from_dict(run.read_config(), str(run.config))

    def class_list() -> object:
        return read_class_file(classes)

    return {
        "split": (split, lambda: read_split(split, folder)),
        "list": (names, lambda: read_lines(names)),
        "configuration": (config, lambda: read_configuration(str(config))),
        "settings": (settings_file, run_settings),
        **{
            name: (classes / name, class_list)
            for name in ("classes.txt", "dataset.yaml", "labelmap.txt", "class_dict.csv", "label_colors.txt")
        },
        "labelme": (
            annotations,
            lambda: labelme.draw_masks([annotations], {"annotations.png": images["a.png"]}),
        ),
        "coco": (annotations, lambda: coco_json.draw_masks(annotations, images)),
        "panoptic": (annotations, lambda: coco_panoptic.draw_masks(annotations, root, images)),
        "cvat": (xml, lambda: cvat.draw_masks(xml, images)),
    }


READERS = (
    *("split", "list", "configuration", "settings", "classes.txt", "dataset.yaml", "labelmap.txt"),
    *("class_dict.csv", "label_colors.txt", "labelme", "coco", "panoptic", "cvat"),
)


@pytest.mark.parametrize("reader", READERS)
def test_what_nobody_writes(reader: str, tmp_path: Path) -> None:
    path, read = readers(tmp_path)[reader]
    for content in TEXTS.values():
        path.write_bytes(content)
        answer(read, path)


_names = st.text(st.characters(exclude_categories=()), max_size=12)
_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _names | st.sampled_from([2**70, -1, 1e300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_KEYS = {
    "split": (
        *("format", "labeled", "unlabeled", "unlabeled_files", "val", "test", "notes", "group"),
        *("split_seed", "val_from"),
    ),
    "configuration": ("steps", "method", "views", "optimization", "supervision", "crop", "mask_code"),
    "dataset.yaml": ("classes", "values", "colors", "ignore", "class"),
    "labelme": ("shapes", "imageHeight", "imageWidth"),
    "coco": ("images", "annotations", "categories"),
}


@pytest.mark.parametrize("reader", ["split", "configuration", "settings", "dataset.yaml", "labelme", "coco"])
def test_any_values_under_its_keys(reader: str, tmp_path: Path) -> None:
    path, read = readers(tmp_path)[reader]
    keys = _KEYS.get(reader, ("data", "steps", "method"))
    written = json.dumps if path.suffix == ".json" else yaml.safe_dump

    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(st.sampled_from(keys) | _names, _plain, max_size=8))
    def check(values: dict[str, Any]) -> None:
        path.write_text(written(values), encoding="utf-8", errors="surrogatepass")
        answer(read, path)

    check()


@pytest.mark.parametrize("reader", READERS)
def test_any_text(reader: str, tmp_path: Path) -> None:
    path, read = readers(tmp_path)[reader]

    @settings(max_examples=40, deadline=None)
    @given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        answer(read, path)

    check()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(allow_nan=True) | st.sampled_from([1e300, -5, 1e7, 2**53]), max_size=9),
    st.sampled_from(["polygon", "rectangle", "circle", "mask", "oriented_rectangle", "line", "?"]),
)
def test_any_corners(tmp_path: Path, numbers: list[float], kind: str) -> None:
    images = made_images(tmp_path, "a.png")
    pairs = [numbers[place : place + 2] for place in range(0, len(numbers), 2)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(labelme_file(labelme_shape("x", kind, pairs, mask="!"))))
    answer(lambda: labelme.draw_masks([path], images), path)
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(coco_file([numbers])))
    answer(lambda: coco_json.draw_masks(path, images), path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(-3, 200) | st.sampled_from([2**62, -(2**62), 1.5, 2**53]), max_size=6)
    | st.text(max_size=8)
)
def test_any_run_lengths(tmp_path: Path, counts: list[float] | str) -> None:
    images = made_images(tmp_path, "a.png")
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(coco_file({"size": [12, 16], "counts": counts})))
    drawn = answer(lambda: coco_json.draw_masks(path, images), path)
    assert drawn is None or (isinstance(counts, list) and sum(counts) == 12 * 16)


def coco_file(segmentation: object) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 12, "width": 16}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [coco_object(1, 1, 1, segmentation)],
    }


def test_an_outline_of_very_many_corners_is_drawn(tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 300_000, endpoint=False)
    points = np.stack([8 + 5 * np.cos(angles), 6 + 5 * np.sin(angles)], -1)
    images = made_images(tmp_path, "a.png")
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(coco_file([points.ravel().round(4).tolist()])))
    drawn = coco_json.draw_masks(path, images)
    assert list(drawn.masks) == ["a.png"]


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    for doctype in (
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ):
        path = tmp_path / "a.xml"
        path.write_text(f'<?xml version="1.0"?>{doctype}<annotations><image name="&l9;"/></annotations>')
        with pytest.raises(MutualSegError, match="declares a document type"):
            cvat.draw_masks(path, made_images(tmp_path, "a.png"))
    path.write_text("<annotations>" + "<a>" * 100_000)
    with pytest.raises(MutualSegError, match=r"a\.xml is not XML, or cut short"):
        cvat.draw_masks(path, made_images(tmp_path, "a.png"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**40), count=st.integers(1, 3), group=st.none() | st.just(r"\d"))
def test_splits_round_trip(tmp_path: Path, seed: int, count: int, group: str | None) -> None:
    root = tmp_path / "data"
    if not root.is_dir():
        write_folder(root, [f"train/{index}" for index in range(6)], ["train/ü 7"])
    folder = read_folder(root)
    made = make_split(folder, labeled=count, split_seed=seed, group=group)
    write_split(made, root, tmp_path / "split.json")
    again = read_split(tmp_path / "split.json", folder)
    assert again.labeled == made.labeled
    assert list(again.unlabeled) == list(made.unlabeled)
    assert (again.val, again.split_seed, again.group) == (made.val, made.split_seed, made.group)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["steps", "seed", "data", "cache"]), st.integers() | st.text(max_size=9))
)
def test_configurations_round_trip(tmp_path: Path, values: dict[str, Any]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8", errors="surrogatepass")
    assert answer(lambda: read_configuration(str(path)), path) == values
