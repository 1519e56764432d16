"""Data folders of a few small pictures, and the flags that shrink a run to seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.addressing import address

Pixels = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 64, 80
COUNTS = {"train": 10, "val": 3, "test": 2}
LABELED = 5
CLASSES = ("left", "right", "disc")

SMALL: dict[str, Any] = {
    "network": "fpn",
    "encoder": "mobilenetv3_small_050",  # half the time of the smallest encoder in TESTED_PAIRS
    "weights": "none",
    "crop": 32,
    "batch": 2,
    "steps": 4,
    "evaluate_every": 2,
    "workers": 0,
    "device": "cpu",
    "precision": "32",
}
"""Arguments of `mutualseg.train` for a run of a second or two."""

PROGRAM = (sys.executable, "-c", "import sys; from mutualseg.cli import main; sys.exit(main())")
"""The command as a process of its own, installed or not."""


def flags(values: Mapping[str, Any] = SMALL, **changes: Any) -> list[str]:
    """Return arguments as words of a command line; None leaves one out."""
    words = []
    for name, value in {**values, **changes}.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def draw(name: str) -> tuple[Pixels, Pixels]:
    """Return a picture [H,W,3] of two halves and a disc under noise, and its mask [H,W]."""
    rng = np.random.default_rng(address(0, "made", name))
    down, right = np.mgrid[:HEIGHT, :WIDTH]
    mask = (right > rng.integers(25, 55)).astype(np.uint8)
    mask[(down - rng.integers(20, 44)) ** 2 + (right - rng.integers(20, 60)) ** 2 < 200] = 2
    colors = np.array([[60, 60, 160], [160, 120, 40], [40, 160, 80]])
    image = colors[mask] + rng.normal(0, 25, (HEIGHT, WIDTH, 3))
    mask[:2] = 255
    return image.clip(0, 255).astype(np.uint8), mask


def write(path: Path, pixels: Pixels) -> Path:
    """Write pixels as an image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_data(root: Path, counts: Mapping[str, int] = COUNTS, labeled: int = LABELED) -> Path:
    """Write a data folder: of the training images the first few have masks, of val and test all."""
    for part, count in counts.items():
        for index in range(count):
            name = f"{part}/{index:02d}.png"
            image, mask = draw(name)
            write(root / "images" / name, image)
            if part != "train" or index < labeled:
                write(root / "masks" / name, mask)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    return root


def write_photos(root: Path, names: tuple[str, ...]) -> Path:
    """Write pictures without masks."""
    for name in names:
        write(root / name, draw(f"photo/{name}")[0])
    return root


def files_below(root: Path) -> set[str]:
    """Return every path below a folder."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


Break = Callable[[Path], object]
"""Spoils a data folder in one way."""
