"""PNG of 16-bit color, of which Pillow drops the low byte; after the PNG specification, third edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mutualseg.data.image_opening import typed_faults
from mutualseg.data.size_limit import refuse_huge

_BANDS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Bands by color type."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First line and column and the steps between them, of each pass of an interlaced image."""


def read_deep_png(path: Path) -> npt.NDArray[np.uint16]:
    """Return the bands of a 16-bit PNG as they stand, not turned upright.

    Returns:
        [H,W,B], alpha as the last band where there is one.

    Raises:
        ImageError: It is broken or cut short.
    """
    with typed_faults(path):
        return _decoded(path.read_bytes(), path)


def _decoded(content: bytes, path: Path) -> npt.NDArray[np.uint16]:
    chunks = list(_chunks(content))
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if bits != 16:
        raise ValueError(f"{bits} bits")
    size = 2 * _BANDS[color]  # of a pixel in bytes
    refuse_huge(path, height, width, size)
    passes = _ADAM7 if interlaced else _WHOLE
    shapes = [(len(range(y, height, down)), len(range(x, width, right))) for y, x, down, right in passes]
    length = sum(lines * (1 + columns * size) for lines, columns in shapes if columns)
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    data = np.frombuffer(zlib.decompressobj().decompress(packed, length), np.uint8)
    if len(data) != length:
        raise ValueError(f"{len(data)} of {length} bytes")
    pixels = np.empty((height, width, size // 2), np.uint16)
    start = 0
    for (y, x, down, right), (lines, columns) in zip(passes, shapes, strict=True):
        if not lines or not columns:
            continue
        stop = start + lines * (1 + columns * size)
        rows = data[start:stop].reshape(lines, -1)
        plain = undo_filters(rows[:, 0], rows[:, 1:].reshape(lines, columns, size))
        pixels[y::down, x::right] = plain.view(">u2")
        start = stop
    return pixels


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of each chunk; the checksum of the pixels is their own."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        yield kind, content[place + 8 : place + 8 + length]
        place += 12 + length


def undo_filters(filters: npt.NDArray[np.uint8], data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return bytes [H,W,S] of pixels of which the file holds differences to what was predicted for them.

    A pixel is predicted from its left, upper and upper left neighbor, by the filter [H] of its line. So all
    pixels of a diagonal, from the upper right to the lower left, can be computed at once.
    """
    if filters.max() > 4:
        raise ValueError(f"filter {filters.max()}")
    height, width, size = data.shape
    # With a line and a column of zeros before the first; a step along a diagonal is `width` pixels then.
    done = np.zeros((height + 1, width + 1, size), np.int16)
    flat = done.reshape(-1, size)
    for diagonal in range(height + width - 1):
        top, bottom = max(0, diagonal - width + 1), min(height, diagonal + 1)
        first = (top + 1) * (width + 1) + diagonal - top + 1
        last = first + (bottom - top - 1) * width + 1

        def neighbors(shift: int, first: int = first, last: int = last) -> npt.NDArray[np.int16]:
            return flat[first - shift : last - shift : width]

        lines = np.arange(top, bottom)
        left, up, corner = neighbors(1), neighbors(width + 1), neighbors(width + 2)
        predicted = np.choose(
            filters[lines][:, None],
            [np.zeros_like(left), left, up, (left + up) >> 1, _paeth(left, up, corner)],
        )
        flat[first:last:width] = (data[lines, diagonal - lines] + predicted) & 255
    return done[1:, 1:].astype(np.uint8)


def _paeth(left: npt.NDArray[Any], up: npt.NDArray[Any], corner: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return of the three neighbors the one nearest to left + up - corner, in this order where two are."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    other = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, other)
