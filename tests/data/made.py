"""Small image and mask files for the tests of this folder."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mutualseg.addressing import address


def pixels(name: str, height: int = 6, width: int = 8) -> npt.NDArray[np.uint8]:
    """Return an RGB picture that depends on the name alone."""
    rng = np.random.default_rng(address(0, name))
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_image(path: Path, height: int = 6, width: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(str(path), height, width)).save(path)
    return path


def write_mask(path: Path, values: Sequence[int] = (0, 1, 2, 255), height: int = 6, width: int = 8) -> Path:
    """Write a mask whose pixels repeat the values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.resize(np.array(values, np.uint8), (height, width))).save(path)
    return path


def write_folder(
    root: Path, labeled: Iterable[str], unlabeled: Iterable[str] = (), height: int = 6, width: int = 8
) -> Path:
    """Write a data folder of PNG images by name, such as "train/a" or "a"."""
    for name in labeled:
        write_image(root / "images" / f"{name}.png", height, width)
        write_mask(root / "masks" / f"{name}.png", height=height, width=width)
    for name in unlabeled:
        write_image(root / "images" / f"{name}.png", height, width)
    return root


def write_png_16(path: Path, color_type: int, channels: int) -> Path:
    """Write a 16-bit PNG of 4x3 pixels."""
    return write_png(path, np.full((3, 4, channels), 0x0102, np.uint16), color_type)


def write_png(path: Path, array: npt.NDArray[np.uint16], color_type: int | None = None) -> Path:
    """Write [H,W,1 to 4] as a 16-bit PNG; Pillow itself writes only gray ones."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = array.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels] if color_type is None else color_type
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def camvid_or_skip() -> Path:
    """Return CamVid where it lies beside the checkout; it is not part of the product."""
    for folder in Path(__file__).resolve().parents:
        for root in (folder / "shared/data/camvid", folder.parent / "shared/data/camvid"):
            if (root / "images").is_dir():
                return root
    pytest.skip("CamVid is not there")
