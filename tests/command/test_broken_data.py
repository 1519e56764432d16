"""Broken data of every kind: `train` refuses it with its cure, `check` finds it, all stays as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.command.conftest import Command
from tests.command.made import HEIGHT, WIDTH, draw, flags, write, write_data

Spoil = Callable[[Path], object]


@dataclass(frozen=True)
class Broken:
    """One kind of broken data."""

    name: str
    spoil: Spoil
    said: tuple[str, ...]
    """Parts of the sentence with which `train` refuses it: the file, the finding, the cure."""
    found: tuple[str, ...]
    """Parts of what `check` says."""


def _bytes(path: str, content: bytes) -> Spoil:
    return lambda root: (root / path).write_bytes(content)


def _cut(path: str) -> Spoil:
    return lambda root: (root / path).write_bytes(
        (root / path).read_bytes()[: (root / path).stat().st_size // 2]
    )


def _pixels(path: str, pixels: npt.NDArray[np.generic]) -> Spoil:
    def spoil(root: Path) -> None:
        Image.fromarray(pixels).save(root / path)

    return spoil


def _each_mask(change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.generic]], listed: bool) -> Spoil:
    def spoil(root: Path) -> None:
        if not listed:
            (root / "classes.txt").unlink()
        for path in (root / "masks").rglob("*.png"):
            Image.fromarray(change(np.array(Image.open(path)))).save(path)

    return spoil


def _text(name: str, content: str, *, instead: str | None = None) -> Spoil:
    def spoil(root: Path) -> None:
        if instead is not None:
            (root / instead).unlink()
        (root / name).write_text(content, encoding="utf-8")

    return spoil


def _smooth(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
    colors = np.array([[0, 0, 0], [200, 30, 60], [10, 90, 220]], np.uint8)[np.minimum(mask, 2)]
    small = Image.fromarray(colors).resize((WIDTH // 3, HEIGHT // 3), Image.Resampling.BILINEAR)
    return np.array(small.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))


def _rename(path: str, to: str) -> Spoil:
    return lambda root: (root / path).rename(root / to)


def _instead(old: str, new: str, pixels: npt.NDArray[np.generic]) -> Spoil:
    def spoil(root: Path) -> None:
        (root / old).unlink()
        Image.fromarray(pixels).save(root / new)

    return spoil


def _labelme(shape: dict[str, object] | None) -> Spoil:
    """Write annotations of one image instead of masks; without a shape, half a file."""

    def spoil(root: Path) -> None:
        shutil.rmtree(root / "masks")
        (root / "classes.txt").unlink()
        for name in ("train/00", "train/01", "val/00", "val/01"):
            content: dict[str, object] = {
                "version": "5.0.1",
                "flags": {},
                "shapes": [
                    {"label": "disc", "points": [[5, 5], [30, 5], [30, 30]], "shape_type": "polygon"},
                ],
                "imagePath": f"{name.split('/')[1]}.png",
                "imageData": None,
                "imageHeight": HEIGHT,
                "imageWidth": WIDTH,
            }
            if name == "train/00" and shape is not None:
                content["shapes"] = [shape]
            path = root / "annotations" / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content)
            path.write_text(text[: len(text) // 2] if name == "train/00" and shape is None else text)

    return spoil


def _without_parts(root: Path) -> None:
    """Move the training images up, beside no part."""
    for path in sorted((root / "images/train").iterdir()):
        path.rename(root / "images" / path.name)
    for part in ("train", "val", "test"):
        shutil.rmtree(root / "images" / part)


def _colored(root: Path) -> None:
    """Write masks in three colors, of which a list has two."""
    paint = _each_mask(
        lambda mask: np.dstack([mask == 1, mask == 2, mask == 9]) * np.uint8(255), listed=False
    )
    paint(root)
    _text("dataset.yaml", "classes: [a, b]\ncolors: {a: [0, 0, 0], b: [255, 0, 0]}")(root)


GRAY16 = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
MASK = draw("train/00.png")[1]

BROKEN = (
    Broken(
        "truncated PNG",
        _cut("images/train/00.png"),
        ("images/train/00.png", "cut short", "replace"),
        ("cut short",),
    ),
    Broken(
        "zero bytes",
        _bytes("images/val/00.png", b""),
        ("images/val/00.png", "empty file"),
        ("empty file", "00.png"),
    ),
    Broken(
        "a text called PNG",
        _bytes("images/train/07.png", b"hello"),
        ("images/train/07.png", "is not an image", "replace"),
        ("not an image",),
    ),
    Broken(
        "truncated mask",
        _cut("masks/train/01.png"),
        ("masks/train/01.png", "cut short", "replace"),
        ("cut short",),
    ),
    Broken(
        "mask of another size",
        _pixels("masks/train/02.png", MASK[:, :40]),
        ("masks/train/02.png", "40x64", "80x64", "same size"),
        ("40x64", "nearest neighbor"),
    ),
    Broken(
        "mask turned by a quarter",
        _pixels("masks/train/02.png", MASK.T.copy()),
        ("masks/train/02.png", "64x80", "turn the mask"),
        ("turn the mask",),
    ),
    Broken(
        "wrong id",
        _pixels("masks/train/03.png", np.full_like(MASK, 9)),
        ("masks/train/03.png", "class 9", "3 classes", "classes.txt"),
        ("outside the 3 classes", "9"),
    ),
    Broken(
        "ids of 16 bits",
        _pixels("masks/train/03.png", MASK.astype(np.uint16) * 1000),
        ("masks/train/03.png", "values up to", "dataset.yaml"),
        ("values up to", "dataset.yaml"),
    ),
    Broken(
        "mask of fractions",
        _instead("masks/train/03.png", "masks/train/03.tif", MASK.astype(np.float32) / 2),
        ("masks/train/03.tif", "floating-point", "8-bit"),
        ("floating-point",),
    ),
    Broken(
        "mask as JPEG",
        _instead("masks/train/03.png", "masks/train/03.jpg", MASK),
        ("masks/train/03.jpg", "JPEG", "PNG"),
        ("JPEG",),
    ),
    Broken(
        "one mask in colors",
        _pixels("masks/train/00.png", draw("color")[0]),
        ("masks/train/00.png", "color image", "dataset.yaml"),
        ("color image",),
    ),
    Broken(
        "smoothed colors",
        _each_mask(_smooth, listed=False),
        ("too many for classes", "masks/train/00.png", "without smoothing"),
        ("too many for classes",),
    ),
    Broken(
        "a color that the list lacks",
        _colored,
        ("masks/train/", "#00ff00", "add it to the colors"),
        ("#00ff00",),
    ),
    Broken(
        "gray levels for classes",
        _each_mask(lambda mask: np.minimum(mask, 2) * np.uint8(100), listed=False),
        ("0, 100, 200", "gray levels", "`values` in dataset.yaml"),
        ("gray levels",),
    ),
    Broken(
        "0 and 255 against three names",
        _each_mask(lambda mask: (mask == 1) * np.uint8(255), listed=True),
        ("only 0 and 255", "names 3", "--ignore 255"),
        ("--ignore 255",),
    ),
    Broken(
        "nothing but unknown pixels",
        _each_mask(lambda mask: np.full_like(mask, 255), listed=False),
        ("no class at all", "classes.txt"),
        ("no class at all",),
    ),
    Broken(
        "one class alone",
        _each_mask(np.zeros_like, listed=False),
        ("only class 0", "two classes are needed"),
        ("only class 0",),
    ),
    Broken(
        "a class twice",
        _text("classes.txt", "left\nleft\ndisc\n"),
        ("classes.txt", "'left' twice", "own name"),
        ("'left' twice",),
    ),
    Broken(
        "dataset.yaml no YAML",
        _text("dataset.yaml", "classes: [a", instead="classes.txt"),
        ("dataset.yaml", "not valid YAML", "correct it"),
        ("not valid YAML",),
    ),
    Broken(
        "mask without its image",
        _rename("masks/train/04.png", "masks/train/zz.png"),
        ("masks/train/zz.png", "no image of the same name", "rename"),
        ("no image of the same name", "zz.png"),
    ),
    Broken(
        "two images of one name",
        lambda root: Image.fromarray(draw("again")[0]).save(root / "images/train/00.jpg"),
        ("00.jpg", "00.png", "keep one"),
        ("share their name", "keep one"),
    ),
    Broken(
        "parts below masks alone",
        _without_parts,
        ("masks/val/00.png", "no image of the same name", "below both images/ and masks/"),
        ("no image of the same name", "below both images/ and masks/"),
    ),
    Broken(
        "a 16-bit image among 8-bit ones",
        _pixels("images/train/01.png", GRAY16),
        ("images/train/01.png", "16-bit", "8-bit"),
        ("16-bit",),
    ),
    Broken(
        "a band that is missing",
        _instead("images/train/01.png", "images/train/01.tif", GRAY16.astype(np.float32)),
        ("images/train/01.tif", "float"),
        ("float",),
    ),
    Broken(
        "half an annotation file",
        _labelme(None),
        ("annotations/train/00.json", "JSON"),
        ("00.json",),
    ),
    Broken(
        "a line among polygons",
        _labelme({"label": "disc", "points": [[1, 1], [9, 9]], "shape_type": "line"}),
        ("annotations/train/00.json", "line", "polygon"),
        ("00.json", "line"),
    ),
    Broken(
        "an outline of two points",
        _labelme({"label": "disc", "points": [[1, 1], [9, 9]], "shape_type": "polygon"}),
        ("annotations/train/00.json", "polygon"),
        ("00.json",),
    ),
)


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.name.replace(" ", "-"))
def test_broken_data(kind: Broken, tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    kind.spoil(root)
    before = _digests(root)
    refused = command("train", "--data", root, "--out", tmp_path / "out", *flags())
    assert refused.code == 2, refused
    assert refused.err.startswith("mutualseg: ")
    assert refused.err.count("\n") == 1, refused.err
    assert [part for part in kind.said if part not in refused.err] == [], refused.err
    assert not (tmp_path / "out").exists()
    checked = command("check", root)
    assert checked.code == 2, checked
    text = " ".join((checked.out + checked.err).split())
    assert [part for part in kind.found if part not in text] == [], checked.out + checked.err
    assert "Traceback" not in refused.err + checked.err
    assert _digests(root) == before


def test_there_are_twenty_kinds() -> None:
    assert len(BROKEN) >= 20
    assert len({kind.name for kind in BROKEN}) == len(BROKEN)


def test_the_folder_that_is_spoiled_is_sound(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    assert command("check", root).code == 0
    assert write(root / "images/train/99.png", draw("new")[0]).is_file()
