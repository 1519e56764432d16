"""Files read from top to bottom, against the same files read whole."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image

from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.image_rows import ImageRows, open_rows, rows_of
from mutualseg.data.png_rows import chunk, png_rows
from mutualseg.data.tiff_rows import tiff_rows
from mutualseg.errors import ImageError
from mutualseg.reporting.png_writer import png_lines

HEIGHT, WIDTH = 333, 45

GRAY = ImageCode(1, "8-bit", 0.0, 255.0, (0.5,), (0.2,))
DEEP = ImageCode(1, "16-bit", 0.0, 65535.0, (0.5,), (0.2,))
DEEP_RGB = ImageCode(3, "16-bit", 0.0, 65535.0, (0.5,) * 3, (0.2,) * 3)
BANDS = ImageCode(5, "16-bit", 0.0, 65535.0, (0.5,) * 5, (0.2,) * 5)
FLOATS = ImageCode(2, "float", -1.0, 2.0, (0.5,) * 2, (0.2,) * 2)


def numbers(bands: int, dtype: Any = np.uint8) -> npt.NDArray[Any]:
    """Return [H,W,B]: slopes under noise, so that every filter of a PNG has its use."""
    rng = np.random.default_rng(bands)
    largest = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    slope = np.linspace(0, 0.8, HEIGHT)[:, None, None] + np.linspace(0, 0.1, WIDTH)[None, :, None]
    values = (slope + rng.random((HEIGHT, WIDTH, bands)) * 0.1) * largest
    return values.astype(dtype)


def same(rows: ImageRows, code: ImageCode, path: Path) -> bool:
    """Tell whether rows, read twice, are those of the file read whole."""
    whole = code.read(path)
    for _ in range(2):
        parts = list(rows.pixels())
        assert np.array_equal(np.concatenate(parts), whole)
        assert parts[0].dtype == whole.dtype
    bands = torch.cat(list(rows.bands()), 1)
    assert torch.equal(bands, torch.from_numpy(np.ascontiguousarray(whole)).permute(2, 0, 1))
    return rows.size == whole.shape[:2] and len(parts) > 1


@pytest.mark.parametrize(
    ("mode", "bands", "code"),
    [
        ("RGB", 3, RGB),
        ("RGBA", 4, RGB),
        ("L", 1, RGB),
        ("LA", 2, RGB),
        ("P", 1, RGB),
        ("RGB", 3, GRAY),
        ("L", 1, GRAY),
        ("RGBA", 4, ImageCode(4, "8-bit", 0.0, 255.0, (0.5,) * 4, (0.2,) * 4)),
    ],
)
def test_png_of_8_bits(tmp_path: Path, mode: str, bands: int, code: ImageCode) -> None:
    pixels = numbers(bands)
    image = Image.fromarray(pixels[..., 0] if bands == 1 else pixels)
    if mode == "P":
        image = image.convert("P")
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
        image.info["transparency"] = bytes(range(256))
    assert image.mode == mode
    image.save(tmp_path / "a.png")
    assert png_rows(tmp_path / "a.png") is not None
    assert same(open_rows(tmp_path / "a.png", code), code, tmp_path / "a.png")


def write_deep_png(path: Path, pixels: npt.NDArray[np.uint16], filters: list[int]) -> None:
    """Write a PNG of 16 bits whose lines have the given filters in turn."""
    height, width, bands = pixels.shape
    levels = pixels.astype(">u2").view(np.uint8).reshape(height, width, -1).astype(int)
    padded = np.pad(levels, ((1, 0), (1, 0), (0, 0)))
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    guess = left + up - corner
    away = [abs(guess - each) for each in (left, up, corner)]
    best = np.where(
        (away[0] <= away[1]) & (away[0] <= away[2]), left, np.where(away[1] <= away[2], up, corner)
    )
    predicted = [np.zeros_like(left), left, up, (left + up) // 2, best]
    content = b""
    for row in range(height):
        kind = filters[row % len(filters)]
        content += bytes([kind]) + ((levels[row] - predicted[kind][row]) % 256).astype(np.uint8).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[bands], 0, 0, 0)
    packed = zlib.compress(content)
    parts = [packed[start : start + 1000] for start in range(0, len(packed), 1000)]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(chunk(b"IDAT", part) for part in parts)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("bands", "code"), [(1, DEEP), (3, DEEP_RGB), (4, DEEP_RGB)])
def test_png_of_16_bits_with_every_filter(tmp_path: Path, bands: int, code: ImageCode) -> None:
    pixels = numbers(bands, np.uint16)
    write_deep_png(tmp_path / "a.png", pixels, [0, 1, 2, 3, 4, 4, 2])
    assert np.array_equal(code.read_unscaled(tmp_path / "a.png"), pixels[..., : code.channels])
    assert png_rows(tmp_path / "a.png") is not None
    assert same(open_rows(tmp_path / "a.png", code), code, tmp_path / "a.png")


def test_a_png_is_read_a_few_lines_at_a_time(tmp_path: Path) -> None:
    Image.fromarray(numbers(3)).save(tmp_path / "a.png")
    read = png_rows(tmp_path / "a.png")
    assert read is not None
    heights = [part.height for part in read() if isinstance(part, Image.Image)]
    assert heights == [64] * 5 + [13]


@pytest.mark.parametrize("turn", [1, 6])
def test_turned_and_other_files_are_read_whole(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        Image.fromarray(numbers(3)).save(tmp_path / name, exif=exif)
        rows = open_rows(tmp_path / name, RGB)
        assert rows.size == ((HEIGHT, WIDTH) if turn == 1 else (WIDTH, HEIGHT))
        assert np.array_equal(np.concatenate(list(rows.pixels())), RGB.read(tmp_path / name))


def test_small_kinds_of_png_are_read_whole(tmp_path: Path) -> None:
    Image.fromarray(numbers(1)[..., 0] > 100).save(tmp_path / "bits.png")
    assert png_rows(tmp_path / "bits.png") is None
    assert np.array_equal(
        np.concatenate(list(open_rows(tmp_path / "bits.png", RGB).pixels())), RGB.read(tmp_path / "bits.png")
    )


TIFFS: dict[str, tuple[ImageCode, npt.NDArray[Any], dict[str, Any]]] = {
    "bare": (RGB, numbers(3), {"photometric": "rgb"}),
    "strips": (RGB, numbers(3), {"photometric": "rgb", "rowsperstrip": 17}),
    "deflate": (RGB, numbers(3), {"photometric": "rgb", "compression": "zlib", "rowsperstrip": 20}),
    "predictor": (
        RGB,
        numbers(3),
        {"photometric": "rgb", "compression": "zlib", "predictor": True, "rowsperstrip": 7},
    ),
    "lzw": (RGB, numbers(3), {"photometric": "rgb", "compression": "lzw", "rowsperstrip": 20}),
    "tiles": (RGB, numbers(3), {"photometric": "rgb", "compression": "zlib", "tile": (32, 16)}),
    "bare tiles": (RGB, numbers(3), {"photometric": "rgb", "tile": (16, 16)}),
    "alpha": (RGB, numbers(4), {"photometric": "rgb", "extrasamples": ["unassalpha"], "tile": (32, 32)}),
    "gray": (RGB, numbers(1)[..., 0], {"photometric": "minisblack", "rowsperstrip": 9}),
    "white is zero": (GRAY, numbers(1)[..., 0], {"photometric": "miniswhite", "rowsperstrip": 9}),
    "to gray": (GRAY, numbers(3), {"photometric": "rgb", "rowsperstrip": 9}),
    "planes": (
        BANDS,
        np.moveaxis(numbers(5, np.uint16), 2, 0),
        {"photometric": "minisblack", "planarconfig": "separate"},
    ),
    "packed planes": (
        BANDS,
        np.moveaxis(numbers(5, np.uint16), 2, 0),
        {"photometric": "minisblack", "planarconfig": "separate", "compression": "zlib", "tile": (32, 32)},
    ),
    "big-endian": (DEEP, numbers(1, np.uint16)[..., 0], {"photometric": "minisblack", "byteorder": ">"}),
    "floats": (
        FLOATS,
        numbers(2, np.float32),
        {"photometric": "minisblack", "planarconfig": "contig", "compression": "zlib", "rowsperstrip": 50},
    ),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_tiff(tmp_path: Path, kind: str) -> None:
    code, array, options = TIFFS[kind]
    path = tmp_path / "a.tif"
    order = options.pop("byteorder", None) if "byteorder" in options else None
    tifffile.imwrite(path, array, metadata=None, byteorder=order, **options)
    if order is not None:
        options["byteorder"] = order
    assert tiff_rows(path) is not None
    assert same(open_rows(path, code), code, path)


def test_premultiplied_alpha_and_large_pieces_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(4), photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    assert tiff_rows(path) is None
    assert np.array_equal(np.concatenate(list(open_rows(path, RGB).pixels())), RGB.read(path))
    tifffile.imwrite(path, numbers(3), photometric="rgb", compression="zlib", metadata=None)
    monkeypatch.setattr("mutualseg.data.tiff_rows._LARGEST", 1000)
    assert tiff_rows(path) is None


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_files_cut_short_are_named_before_or_while_they_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    image = Image.fromarray(numbers(3))
    image.save(path, compression="tiff_deflate") if name == "a.tif" else image.save(path)
    content = path.read_bytes()
    for share in (0.3, 0.7, 0.95):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ImageError, match=name):
            for _ in open_rows(path, RGB).pixels():
                pass


def test_an_array_comes_as_it_is() -> None:
    pixels = numbers(3)
    rows = rows_of(pixels)
    assert rows.size == (HEIGHT, WIDTH)
    assert np.array_equal(np.concatenate(list(rows.pixels())), pixels)
    pixels.flags.writeable = False
    assert torch.equal(rows.whole(), torch.from_numpy(pixels.copy()).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        ("rgb", numbers(3)),
        ("gray16", numbers(1, np.uint16)[..., 0]),
        ("index", numbers(1)[..., 0] % 5),
    ],
)
def test_png_written_line_by_line(tmp_path: Path, kind: str, array: npt.NDArray[Any]) -> None:
    path = tmp_path / "deep" / "a.png"
    colors = list(range(256)) * 3 if kind == "index" else None
    with png_lines(path, (HEIGHT, WIDTH), kind, colors) as writer:
        for top in range(0, HEIGHT, 50):
            writer.write(array[top : top + 50])
        assert not path.exists()
    with Image.open(path) as image:
        assert image.mode == {"rgb": "RGB", "gray16": "I;16", "index": "P"}[kind]
        assert np.array_equal(np.asarray(image), array)
        assert image.getpalette() == colors


def test_a_png_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), png_lines(tmp_path / "a.png", (9, 9), "rgb"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
