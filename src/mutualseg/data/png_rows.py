"""PNG files from top to bottom, a few lines at a time.

Lines are unpacked here and put, a few at a time, into a small PNG of their own, so that Pillow's decoder
makes pixels of them. The line above them comes first there, for lines are stored as differences to it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.deep_png import undo_filters
from mutualseg.data.image_opening import identified, typed_faults
from mutualseg.data.regular_files import open_regular
from mutualseg.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Bands by color type; 3 is a palette."""
_LINES = 64
_DEEP_LINES = 256
"""Lines that are handed over together; of 16-bit color more, as undoing filters goes along diagonals."""
_READ = 1 << 18

Lines = Image.Image | npt.NDArray[np.uint16]


@dataclass(frozen=True)
class _Layout:
    header: bytes
    colors: bytes
    """The chunks of the palette and of what is transparent in it."""
    packed: tuple[tuple[int, int], ...]
    """Where the packed lines are: offset and length of each piece."""

    @property
    def size(self) -> tuple[int, int]:
        width, height = struct.unpack_from(">II", self.header)
        return height, width

    @property
    def bits(self) -> int:
        return self.header[8]

    @property
    def bands(self) -> int:
        return _BANDS[self.header[9]]

    @property
    def line(self) -> int:
        """Bytes of a line without its filter."""
        return self.size[1] * self.bands * self.bits // 8

    @property
    def is_deep_color(self) -> bool:
        return self.bits == 16 and self.bands > 1


def png_rows(path: Path) -> Callable[[], Iterator[Lines]] | None:
    """Return what reads a PNG from top to bottom; None if it cannot be read so.

    That is so if it is interlaced, animated, turned, or of fewer than 8 bits.

    Returns:
        A function that yields images as Pillow opens them, of color of 16 bits numbers [n,W,B].

    Raises:
        ImageError: it is broken or no PNG.
    """
    with typed_faults(path), open_regular(path) as file:
        layout = _layout(file)
    if layout is None:
        return None

    def rows() -> Iterator[Lines]:
        with typed_faults(path), open_regular(path) as file:
            yield from _rows(file, layout, path)

    return rows


def _layout(file: IO[bytes]) -> _Layout | None:
    if file.read(8) != SIGNATURE:
        return None
    header, colors, packed = b"", b"", []
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        place = file.tell()
        if kind == b"IHDR":
            header = file.read(13)
        elif kind in (b"PLTE", b"tRNS"):
            colors += head + file.read(length + 4)
        elif kind == b"IDAT":
            packed.append((place, length))
        elif kind in (b"eXIf", b"acTL"):  # may be turned, or is a film
            return None
        elif kind == b"IEND":
            break
        file.seek(place + length + 4)
    if len(header) != 13 or not packed:
        return None
    _, _, bits, color, packing, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if bits not in (8, 16) or color not in _BANDS or packing or filtering or interlaced:
        return None
    return _Layout(header, colors, tuple(packed))


def _rows(file: IO[bytes], layout: _Layout, path: Path) -> Iterator[Lines]:
    height = layout.size[0]
    above = bytes(layout.line)
    unpacked = _unpacked(file, layout)
    held = bytearray()
    most = _DEEP_LINES if layout.is_deep_color else _LINES
    for top in range(0, height, most):
        count = min(most, height - top)
        wanted = count * (1 + layout.line)
        while len(held) < wanted:
            more = next(unpacked, b"")
            if not more:
                raise ImageError(f"{path} is broken or cut short (lines are missing); replace or delete it.")
            held += more
        stored = b"\0" + above + bytes(held[:wanted])
        del held[:wanted]
        if layout.is_deep_color:
            numbers = _deep_lines(stored, count + 1, layout)
            above = numbers[-1].astype(">u2").tobytes()
            yield numbers[1:]
            continue
        with identified(io.BytesIO(_small_png(stored, count + 1, layout)), path) as image:
            image.load()
            lines = image.crop((0, 1, image.width, image.height))
            above = _bytes_of(image.crop((0, image.height - 1, image.width, image.height)))
        yield lines


def _unpacked(file: IO[bytes], layout: _Layout) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    for place, length in layout.packed:
        file.seek(place)
        left = length
        while left:
            content = file.read(min(left, _READ))
            if not content:
                return
            left -= len(content)
            while content:
                made = unpacker.decompress(content, 4 * _READ)
                content = unpacker.unconsumed_tail
                if made:
                    yield made
                if unpacker.eof:
                    return


def _bytes_of(line: Image.Image) -> bytes:
    """Return a line as the file has it, without filter."""
    numbers = np.asarray(line)
    return numbers.astype(">u2").tobytes() if numbers.dtype.itemsize == 2 else numbers.tobytes()


def _small_png(lines: bytes, count: int, layout: _Layout) -> bytes:
    header = layout.header[:4] + struct.pack(">I", count) + layout.header[8:]
    packed = zlib.compress(lines, 0)
    return SIGNATURE + chunk(b"IHDR", header) + layout.colors + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _deep_lines(lines: bytes, count: int, layout: _Layout) -> npt.NDArray[np.uint16]:
    rows = np.frombuffer(lines, np.uint8).reshape(count, 1 + layout.line)
    size = 2 * layout.bands
    plain = undo_filters(rows[:, 0], rows[:, 1:].reshape(count, layout.size[1], size))
    numbers: npt.NDArray[Any] = plain.view(">u2").astype(np.uint16)
    return numbers
