"""PNG of 16 bits against a slow encoder written from the specification, and against another library's."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutualseg.data.deep_png import read_deep_png
from mutualseg.errors import ImageError

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
FILES = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def filtered(array: npt.NDArray[Any], kinds: list[int]) -> bytes:
    """Return lines of 16-bit pixels as the file holds them, byte by byte."""
    lines = [line.astype(">u2").tobytes() for line in array]
    size, content, before = 2 * array.shape[2], b"", bytes(len(lines[0]) if lines else 0)
    for number, line in enumerate(lines):
        kind = kinds[number % len(kinds)]
        content += bytes([kind])
        for place, byte in enumerate(line):
            left, corner = (line[place - size], before[place - size]) if place >= size else (0, 0)
            content += bytes([(byte - predicted(kind, left, before[place], corner)) % 256])
        before = line
    return content


def encoded(array: npt.NDArray[np.uint16], kinds: list[int], *, interlaced: bool) -> bytes:
    height, width, bands = array.shape
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    parts = [array[y::down, x::right] for y, x, down, right in passes]
    data = zlib.compress(b"".join(filtered(part, kinds) for part in parts if part.size))
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[bands], 0, 0, interlaced)
    half = len(data) // 2
    content = b"\x89PNG\r\n\x1a\n"
    chunks = ((b"IHDR", header), (b"IDAT", data[:half]), (b"IDAT", data[half:]), (b"IEND", b""))
    for kind, body in chunks:
        content += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return content


@FILES
@given(
    st.integers(1, 11),
    st.integers(1, 13),
    st.integers(2, 4),
    st.lists(st.integers(0, 4), min_size=1, max_size=7),
    st.booleans(),
    st.integers(0, 1000),
)
def test_every_filter_and_pass(
    tmp_path: Path, height: int, width: int, bands: int, kinds: list[int], interlaced: bool, seed: int
) -> None:
    array = np.random.default_rng(seed).integers(0, 65536, (height, width, bands)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(encoded(array, kinds, interlaced=interlaced))
    assert np.array_equal(read_deep_png(tmp_path / "a.png"), array)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_files_of_another_library(tmp_path: Path, bands: int) -> None:
    down, right = np.mgrid[:60, :80]
    noise = np.random.default_rng(0).integers(0, 50, (60, 80, bands))
    array = ((down * 300 + right * 500)[..., None] * np.arange(1, bands + 1) + noise).astype(np.uint16)
    content = imagecodecs.png_encode(array if bands > 1 else array[..., 0])
    (tmp_path / "a.png").write_bytes(content)
    assert np.array_equal(read_deep_png(tmp_path / "a.png"), array)
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match=r"a\.png is broken or cut short"):
        read_deep_png(tmp_path / "a.png")


def test_an_unknown_filter_is_a_broken_file(tmp_path: Path) -> None:
    content = encoded(np.zeros((2, 2, 3), np.uint16), [0], interlaced=False)
    start = content.index(b"IDAT") - 4
    data = zlib.compress(b"\x07" + bytes(12) + b"\x00" + bytes(12))
    chunk = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    (tmp_path / "a.png").write_bytes(content[:start] + chunk)
    with pytest.raises(ImageError, match="filter 7"):
        read_deep_png(tmp_path / "a.png")
