"""Images that declare or unpack to very much, and bytes that were broken: refused in one line, or read."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mutualseg.data import size_limit
from mutualseg.data.any_image import any_reader
from mutualseg.data.image_codes import ImageCode
from mutualseg.data.image_kinds import image_kind
from mutualseg.data.images import image_size, read_image
from mutualseg.data.mask_codes import INDICES
from mutualseg.data.size_limit import MAX_PIXELS, refuse_huge
from mutualseg.data.tiff_files import read_bands, read_header
from mutualseg.errors import ImageError, MaskError
from tests.data.made import write_png

sys.path.insert(0, str(Path(__file__).parents[2] / "soak"))

from bombs import declared, tiff

PROGRAM = Path(__file__).parents[2] / "soak" / "bad_files.py"

Tags = dict[int, tuple[int, Sequence[int]]]


def write_tiff(path: Path, tags: Tags, data: bytes, next_page: int = 0) -> Path:
    """Write a TIFF of one page; types are 3 (16 bits) or 4 (32 bits), data starts at byte 8."""
    path.write_bytes(tiff(tags, data, next_page=next_page))
    return path


def test_the_limit_is_above_an_aerial_image_and_below_what_is_declared_by_bombs() -> None:
    refuse_huge("aerial.tif", 20_000, 20_000, 3)
    refuse_huge("aerial.tif", 20_000, 20_000, 8)
    for height, width, depth, message in (
        (MAX_PIXELS, 2, 1, "too many pixels"),
        (23_200, 23_200, 1, "too many pixels"),
        (1, 2**17 + 1, 1, "too many pixels"),
        (20_000, 20_000, 32, "too much memory"),
    ):
        with pytest.raises(ImageError, match=rf"x\.png .*{message} .*; cut it into tiles"):
            refuse_huge("x.png", height, width, depth)


def test_a_large_image_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (14_000, 13_000)).save(path)  # 182 million pixels, which Pillow by itself refuses
    assert image_size(path) == (13_000, 14_000)
    assert image_kind(path).size == (13_000, 14_000)


@pytest.mark.parametrize("compression", [1, 5, 8])
def test_a_tiff_of_many_bands_is_refused_by_its_header(tmp_path: Path, compression: int) -> None:
    path = write_tiff(
        tmp_path / "a.tif", declared(50_000, 50_000, 8, 32, 64, compression, sample=3), bytes(64)
    )
    for read in (read_header, read_bands, image_size, image_kind, read_image, any_reader(), INDICES.read):
        with pytest.raises(ImageError, match=r"a\.tif"):
            read(path)
    with pytest.raises(ImageError, match=r"a\.tif has too many pixels \(50000x50000; .*cut it into tiles"):
        read_header(path)


def test_the_limit_holds_for_every_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number everywhere: lowered, all of them refuse."""
    files = []
    for suffix in ("png", "jpg", "webp", "tif"):
        files.append(tmp_path / f"a.{suffix}")
        Image.new("RGB", (40, 30)).save(files[-1])
    files.append(write_png(tmp_path / "deep.png", np.zeros((30, 40, 3), np.uint16)))
    files.append(tmp_path / "bands.tif")
    tifffile.imwrite(files[-1], np.zeros((30, 40, 5), np.float32), photometric="minisblack")
    for path in files:
        any_reader()(path)
    monkeypatch.setattr(size_limit, "MAX_PIXELS", 1199)
    for path in files:
        with pytest.raises(ImageError, match="has too many pixels"):
            any_reader()(path)


def test_a_piece_that_unpacks_to_more_is_refused_without_imagecodecs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutualseg.data.tiff_pieces._has_imagecodecs", lambda: False)
    packed = zlib.compress(bytes(80 << 20))
    path = write_tiff(tmp_path / "a.tif", declared(8, 8, 1, 16, len(packed), 8), packed)
    with pytest.raises(ImageError, match=r"a\.tif is broken \(a piece holds more than is declared\)"):
        read_bands(path)
    packed = zlib.compress(bytes(128))
    path = write_tiff(path, declared(8, 8, 1, 16, len(packed), 8), packed)
    assert read_bands(path).shape == (8, 8, 1)


def test_a_jpeg_in_a_tiff_may_not_be_larger_than_the_tiff_says(tmp_path: Path) -> None:
    Image.new("L", (64, 64)).save(tmp_path / "a.jpg")
    packed = (tmp_path / "a.jpg").read_bytes()
    path = write_tiff(tmp_path / "a.tif", declared(8, 8, 2, 8, len(packed), 7), packed)
    with pytest.raises(ImageError, match=r"a\.tif is broken \(a piece is 64x64 pixels, more than declared\)"):
        read_bands(path)


@pytest.mark.parametrize(
    ("change", "next_page", "message"),
    [
        ({}, 8 + 64, "its pages form a circle"),
        ({279: (4, [2**32 - 1])}, 0, "a piece is longer than it"),
        ({273: (4, [8] * 9), 279: (4, [8] * 9), 278: (4, [1])}, 0, "it has more pieces than lines"),
    ],
)
def test_directories_that_lead_astray(tmp_path: Path, change: Tags, next_page: int, message: str) -> None:
    path = write_tiff(tmp_path / "a.tif", declared(8, 8, 1, 8, 64) | change, bytes(64), next_page)
    with pytest.raises(ImageError, match=rf"a\.tif is broken.*\({message}\)"):
        read_bands(path)


def test_very_many_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((1025, 2, 2), np.uint8), photometric="minisblack", metadata=None)
    with pytest.raises(ImageError, match=r"a\.tif holds more than 1024 pages"):
        read_header(path)


def test_a_line_that_is_millions_long_is_refused_at_once(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 2**28, 1, 16, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "a.png"
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(ImageError, match=r"a\.png has too many pixels"):
        any_reader()(path)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match=r"a\.png is not an image"):
        read_image(path)


def test_a_mask_of_inks_is_refused_and_alpha_is_dropped(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 3)).save(tmp_path / "inks.tif")
    with pytest.raises(MaskError, match=r"inks\.tif is a CMYK image"):
        INDICES.read(tmp_path / "inks.tif")
    Image.new("RGBA", (4, 3), (2, 2, 2, 9)).save(tmp_path / "alpha.png")
    assert (INDICES.read(tmp_path / "alpha.png") == 2).all()
    Image.new("LA", (4, 3), (1, 0)).save(tmp_path / "gray_alpha.png")
    assert (INDICES.read(tmp_path / "gray_alpha.png") == 1).all()


def test_numbers_too_large_for_the_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.array([[1e300, 1.0]]))
    with pytest.raises(ImageError, match=r"a\.tif holds 1 values that are NaN, infinite or much too large"):
        ImageCode(1, "float").read(path)


def test_black_and_white_of_a_tiff_that_pillow_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.array([[True, False] * 4] * 3))
    assert np.unique(read_bands(path)).tolist() == [0, 255]


@pytest.mark.slow
def test_broken_bytes_end_well() -> None:
    cases = [sys.executable, str(PROGRAM), "--cases", "200", "--first", "130", "--workers", "2"]
    run = subprocess.run(cases, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = dict(line.rsplit(None, 1) for line in run.stdout.splitlines())
    assert rows["tried"] == "200"
    assert int(rows["good"]) > 20
    assert int(rows["refused"]) > 20


@pytest.mark.soak
def test_five_thousand_broken_files_end_well() -> None:
    cases = [sys.executable, str(PROGRAM), "--cases", "5000"]
    run = subprocess.run(cases, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
