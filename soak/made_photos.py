"""A data folder of small made pictures, and as many unlabeled photographs beside it as are asked for."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

_SIDE = 64
_CLASSES = ("left", "right", "disc")
_PARTS = {"train": 6, "val": 4}


def make_folders(root: Path, photos: int) -> None:
    """Write `root/data`, whose images all have masks, and `root/photos`.

    Args:
        root: a folder that exists.
        photos: number of JPEGs without masks; all differ.
    """
    draw = np.random.default_rng(0)
    for part, count in _PARTS.items():
        for kind in ("images", "masks"):
            (root / "data" / kind / part).mkdir(parents=True)
        for number in range(count):
            image, mask = _scene(draw)
            Image.fromarray(image).save(root / "data/images" / part / f"{number:03}.png")
            Image.fromarray(mask).save(root / "data/masks" / part / f"{number:03}.png")
    (root / "data/classes.txt").write_text("".join(f"{name}\n" for name in _CLASSES))
    (root / "photos").mkdir()
    kinds = [_jpeg(_scene(draw)[0]) for _ in range(min(photos, 16))]
    for number in range(photos):
        # What follows a JPEG's end is not read: it makes contents and sizes differ.
        content = kinds[number % len(kinds)] + f"{number:09}".encode() + bytes(number % 1000)
        (root / "photos" / f"photo_{number:07}.jpg").write_bytes(content)


def _scene(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 [H,W,3], two halves and a disc under noise, and the mask [H,W]."""
    down, right = np.mgrid[:_SIDE, :_SIDE]
    mask = (right > draw.integers(20, 44)).astype(np.uint8)
    mask[(down - draw.integers(16, 48)) ** 2 + (right - draw.integers(16, 48)) ** 2 < 160] = 2
    colors = np.array([[60, 60, 160], [160, 120, 40], [40, 160, 80]])
    image = colors[mask] + draw.normal(0, 25, (_SIDE, _SIDE, 3))
    return image.clip(0, 255).astype(np.uint8), mask


def _jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG")
    return buffer.getvalue()
