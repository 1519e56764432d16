"""Image files of many forms, made by code: what the fuzz program breaks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, PngImagePlugin

HEIGHT, WIDTH = 20, 28
_ORIENTATION, _COPYRIGHT = 0x0112, 0x8298


class Seed(NamedTuple):
    """A file that is sound."""

    name: str
    suffix: str
    content: bytes


def seeds(real: Path | None = None) -> list[Seed]:
    """Return all seeds; with a data folder, a few of its images and masks too."""
    found = [*_jpeg(), *_png(), *_deep_png(), *_tiff(), *_others()]
    if real is not None and real.is_dir():
        for kind in ("images", "masks"):
            files = sorted(path for path in (real / kind).rglob("*") if path.is_file())[:2]
            found += [Seed(f"real {path.name}", path.suffix, path.read_bytes()) for path in files]
    return found


def _picture(mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    return Image.fromarray(blocks).convert(mode)


def _numbers(bands: int, kind: str) -> npt.NDArray[Any]:
    return np.random.default_rng(1).integers(0, 200, (HEIGHT, WIDTH, bands)).astype(kind)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _exif(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_COPYRIGHT] = turn, "somebody"
    return exif


def _jpeg() -> Iterator[Seed]:
    forms: Mapping[str, tuple[str, dict[str, Any]]] = {
        "baseline": ("RGB", {}),
        "progressive": ("RGB", {"progressive": True}),
        "gray": ("L", {}),
        "CMYK": ("CMYK", {}),
        "exif": ("RGB", {"exif": _exif(6)}),
        "profile": ("RGB", {"icc_profile": bytes(3000)}),
        "comment": ("RGB", {"comment": b"a comment"}),
        "restarts": ("RGB", {"restart_marker_blocks": 1}),
        "full color": ("RGB", {"subsampling": 0, "quality": 100}),
    }
    for name, (mode, options) in forms.items():
        yield Seed(f"JPEG {name}", ".jpg", _saved(_picture(mode), "JPEG", **options))
    second = _picture().rotate(180)
    yield Seed("MPO", ".jpg", _saved(_picture(), "MPO", save_all=True, append_images=[second]))


def _png() -> Iterator[Seed]:
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b")
    text.add_text("c", "d" * 400, zip=True)
    text.add_itxt("e", "f" * 400, "en", "e", zip=True)
    palette = _picture().quantize(16)
    gray_16 = Image.fromarray(_numbers(1, "uint16")[..., 0] * 300)
    forms: Mapping[str, tuple[Image.Image, dict[str, Any]]] = {
        "gray": (_picture("L"), {}),
        "1 bit": (_picture("1"), {}),
        "gray alpha": (_picture("LA"), {}),
        "RGB": (_picture(), {}),
        "RGBA": (_picture("RGBA"), {}),
        "palette": (palette, {}),
        "palette 2 bits": (_picture().quantize(4), {"bits": 2}),
        "palette tRNS": (palette, {"transparency": bytes(range(0, 160, 10))}),
        "RGB tRNS": (_picture(), {"transparency": (1, 2, 3)}),
        "gray 16": (gray_16, {}),
        "text": (_picture(), {"pnginfo": text}),
        "profile": (_picture(), {"icc_profile": bytes(5000)}),
        "exif": (_picture(), {"exif": _exif(8)}),
        "indices": (Image.fromarray(_numbers(1, "uint8")[..., 0] % 3), {}),
    }
    for name, (image, options) in forms.items():
        yield Seed(f"PNG {name}", ".png", _saved(image, "PNG", **options))
    frames = [_picture().rotate(turn) for turn in (90, 180)]
    yield Seed("APNG", ".png", _saved(_picture(), "PNG", save_all=True, append_images=frames))
    rows = b"".join(b"\0" + bytes(row) for row in _numbers(1, "uint8")[:3, :1, 0].repeat(2, 1))
    yield Seed("PNG interlaced", ".png", png(2, 2, 8, 0, zlib.compress(rows[:3] + rows), interlaced=True))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    bits: int,
    color: int,
    packed: bytes,
    *,
    more: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """Return a PNG of compressed rows, with further chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _deep_png() -> Iterator[Seed]:
    for color, bands in {2: 3, 4: 2, 6: 4}.items():
        rows = _numbers(bands, ">u2")
        filters = np.arange(HEIGHT) % 5
        raw = b"".join(
            bytes([kind]) + row.tobytes() for kind, row in zip(filters.tolist(), rows, strict=True)
        )
        yield Seed(f"PNG 16 bits x {bands}", ".png", png(WIDTH, HEIGHT, 16, color, zlib.compress(raw)))


def _tiff() -> Iterator[Seed]:
    rgb, gray = _numbers(3, "uint8"), _numbers(1, "uint8")[..., 0]
    bands_5, deep, floats = _numbers(5, "uint16"), _numbers(3, "uint16"), _numbers(2, "float32")
    forms: Mapping[str, tuple[npt.NDArray[Any], dict[str, Any]]] = {
        "RGB": (rgb, {"photometric": "rgb"}),
        "LZW": (rgb, {"photometric": "rgb", "compression": "lzw", "predictor": True}),
        "deflate": (rgb, {"photometric": "rgb", "compression": "zlib"}),
        "packbits": (gray, {"compression": "packbits"}),
        "JPEG": (rgb, {"photometric": "rgb", "compression": "jpeg"}),
        "tiled": (rgb, {"photometric": "rgb", "tile": (16, 16)}),
        "tiled zstd": (bands_5, {"tile": (16, 16), "compression": "zstd", "photometric": "minisblack"}),
        "strips": (rgb, {"photometric": "rgb", "rowsperstrip": 3, "compression": "zlib"}),
        "planes": (rgb.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": "separate"}),
        "16 bits": (deep, {"photometric": "rgb"}),
        "16 bits deflate": (deep, {"photometric": "rgb", "compression": "zlib", "predictor": True}),
        "5 bands": (bands_5, {"photometric": "minisblack", "planarconfig": "contig"}),
        "5 bands lzma": (bands_5, {"photometric": "minisblack", "compression": "lzma"}),
        "float": (floats, {"photometric": "minisblack", "planarconfig": "contig"}),
        "float predictor": (floats[..., 0], {"compression": "zlib", "predictor": True}),
        "pages": (bands_5.transpose(2, 0, 1), {"photometric": "minisblack"}),
        "shaped": (bands_5, {"photometric": "minisblack", "volumetric": False}),
        "BigTIFF": (rgb, {"photometric": "rgb", "bigtiff": True}),
        "big-endian": (deep, {"photometric": "rgb", "byteorder": ">"}),
        "turned": (rgb, {"photometric": "rgb", "extratags": [(274, 3, 1, 6, True)]}),
        "signed": (_numbers(1, "int32")[..., 0], {}),
        "float64": (_numbers(1, "float64")[..., 0], {}),
        "white is zero": (gray, {"photometric": "miniswhite"}),
        "1 bit": (gray > 99, {}),
    }
    for name, (pixels, options) in forms.items():
        buffer = io.BytesIO()
        writing = {key: options[key] for key in ("bigtiff", "byteorder") if key in options}
        rest = {key: value for key, value in options.items() if key not in writing}
        with tifffile.TiffWriter(buffer, **writing) as file:
            file.write(pixels, **rest)
        yield Seed(f"TIFF {name}", ".tif", buffer.getvalue())
    for compression in ("group4", "tiff_lzw", "tiff_deflate", "jpeg"):
        image = _picture("1" if compression == "group4" else "RGB")
        yield Seed(f"TIFF {compression}", ".tif", _saved(image, "TIFF", compression=compression))
    for mode in ("P", "CMYK", "RGBA", "LA", "I;16", "F"):
        image = Image.fromarray(_numbers(1, "uint16")[..., 0]) if mode == "I;16" else _picture(mode)
        yield Seed(f"TIFF {mode}", ".tiff", _saved(image, "TIFF"))


def _others() -> Iterator[Seed]:
    yield Seed("WebP", ".webp", _saved(_picture(), "WEBP"))
    yield Seed("WebP lossless", ".webp", _saved(_picture("RGBA"), "WEBP", lossless=True, exif=_exif(3)))
    moving = {"save_all": True, "append_images": [_picture().rotate(180)]}
    yield Seed("WebP animated", ".webp", _saved(_picture(), "WEBP", **moving))
    yield Seed("BMP", ".bmp", _saved(_picture(), "BMP"))
    yield Seed("GIF", ".gif", _saved(_picture("P"), "GIF"))
    yield Seed("GIF animated", ".gif", _saved(_picture(), "GIF", **moving))
    yield Seed("PPM", ".ppm", _saved(_picture(), "PPM"))
    yield Seed("JPEG 2000", ".jp2", _saved(_picture(), "JPEG2000"))
