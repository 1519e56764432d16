"""Attacks by size: files that would fill the memory if they were read as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attacked import Place
from attacks_on_weights import Attack

_HUGE = 2**36
"""Bytes: more than the memory of the machines that this runs on. On disk the file takes next to nothing."""


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    yield "classes.txt of ten million lines", _many_classes
    yield "classes.txt of 64 GB", partial(_class_file, name="classes.txt")
    yield "dataset.yaml of 64 GB", partial(_class_file, name="dataset.yaml")
    yield "--config of 64 GB", _configuration
    yield "--labeled list of 64 GB", partial(_list, option="--labeled", name="list.txt")
    yield "--labeled split.json of 64 GB", partial(_list, option="--labeled", name="split.json")
    yield "--unlabeled list of 64 GB", partial(_list, option="--unlabeled", name="list.txt")
    yield "COCO file of 64 GB", partial(_annotations, name="a.json", head='{"images": [], "annotations": [')
    yield (
        "LabelMe file of 64 GB",
        partial(_annotations, name="0.json", head='{"shapes": [], "imagePath": "0"'),
    )
    yield "LabelMe file nested 100,000 deep", _deep
    yield "CVAT file with entities that grow", _entities


def _sparse(path: Path, head: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head.encode())
        file.truncate(_HUGE)
    return path


def _many_classes(place: Place) -> str | None:
    lines = "".join(f"class {number}\n" for number in range(100_000))
    with (place.data / "classes.txt").open("w", encoding="utf-8") as file:
        file.writelines(lines for _ in range(100))
    return place.harm(place.command("check", place.data), 2, says="classes.txt")


def _class_file(place: Place, *, name: str) -> str | None:
    _sparse(place.data / name)
    return place.harm(place.command("check", place.data), 2, says=name)


def _configuration(place: Place) -> str | None:
    file = _sparse(place.root / "given.yaml")
    words = ("--data", place.data, "--out", place.root / "out", "--config", file)
    return place.harm(place.command("train", *words), 2, says="given.yaml")


def _list(place: Place, *, option: str, name: str) -> str | None:
    words = ("--data", place.data, "--out", place.root / "out", option, _sparse(place.root / name))
    return place.harm(place.command("train", *words), 2, says=name)


def _images(place: Place) -> Path:
    folder = place.root / "annotated"
    folder.mkdir()
    (place.data / "images/train").rename(folder / "images")
    return folder


def _annotations(place: Place, *, name: str, head: str) -> str | None:
    folder = _images(place)
    layout = "coco_json" if name == "a.json" else "labelme"
    _sparse(folder / name, head)
    return place.harm(place.command("check", folder, "--layout", layout), 2, says="MB")


def _deep(place: Place) -> str | None:
    folder = _images(place)
    shapes = json.dumps({"imagePath": "0.png", "shapes": []})[:-2] + "[" * 100_000
    (folder / "0.json").write_text(shapes, encoding="utf-8")
    return place.harm(place.command("check", folder, "--layout", "labelme"), 2, says="nested too deeply")


def _entities(place: Place) -> str | None:
    folder = _images(place)
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    head = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{lines}]>'
    text = f'{head}<annotations><image id="0" name="&a11;"/></annotations>'
    (folder / "annotations.xml").write_text(text, encoding="utf-8")
    return place.harm(place.command("check", folder, "--layout", "cvat"), 2, says="DOCTYPE")
