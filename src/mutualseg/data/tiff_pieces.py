"""The pieces (strips or tiles) of a TIFF page, held against what it declares before they are unpacked."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from mutualseg.data.image_opening import identified
from mutualseg.data.size_limit import refuse_huge
from mutualseg.errors import ImageError

if TYPE_CHECKING:
    from tifffile import TiffPage

_DEFLATE = (8, 32946)
_LZMA = 34925
_MOST_OF_DEFLATE = 1032
"""Bytes that one byte can become."""
_WITH_OWN_SIZE = (6, 7, 33003, 33004, 33005, 34712, 34933, 50001)
"""JPEG, JPEG 2000, PNG and WebP: decoders go by the size that each piece says it has."""
_HARMLESS = 1 << 26
"""Bytes that a piece may unpack to beyond what is declared; more has to be ruled out."""


def check_pieces(page: TiffPage, path: Path) -> None:
    """Raise an ImageError if a piece is larger than its file, huge, or unpacks to far more than is declared.

    imagecodecs stops at what is declared. Without it tifffile unpacks everything, so that is tried here
    first, with a bound, where it can be more than a little.
    """
    if page.dtype is None:
        return
    depth, height, width, samples = (*([1] * (4 - len(page.chunks))), *page.chunks)[-4:]
    if page.is_tiled:
        refuse_huge(path, int(page.tilelength), int(page.tilewidth), page.dtype.itemsize)
    handle = page.parent.filehandle
    size = int(handle.size)
    if any(count > size for count in page.databytecounts):
        raise ImageError(f"{path} is broken or cut short (a piece is longer than it); replace or delete it.")
    packing = int(page.compression)
    if packing in _WITH_OWN_SIZE:
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            handle.seek(offset)
            across, down = _own_size(handle.read(count))
            if across > max(width, page.imagewidth) or down > max(height, page.imagelength):
                raise ImageError(
                    f"{path} is broken (a piece is {across}x{down} pixels, more than declared); replace or "
                    "delete it."
                )
    if packing not in (*_DEFLATE, _LZMA) or _has_imagecodecs():
        return
    declared = prod((depth, height, width, samples, page.dtype.itemsize))
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if packing in _DEFLATE and count * _MOST_OF_DEFLATE <= declared + _HARMLESS:
            continue
        handle.seek(offset)
        packed = handle.read(count)
        unpacker = zlib.decompressobj() if packing in _DEFLATE else lzma.LZMADecompressor()
        if len(unpacker.decompress(packed, declared + _HARMLESS)) >= declared + _HARMLESS:
            raise ImageError(f"{path} is broken (a piece holds more than is declared); replace or delete it.")


def _own_size(piece: bytes) -> tuple[int, int]:
    """Return width and height by the head of a packed image, zeros where it does not say."""
    if piece[:2] == b"\xff\xd8":  # not by Pillow, which knows no JPEG of 12 bits
        place = 2
        while place + 9 <= len(piece) and piece[place] == 0xFF:
            marker, length, _, down, across = struct.unpack_from(">xBHBHH", piece, place)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                return across, down
            place += 1 if marker == 0xFF else 2 + length  # bytes of 255 may stand before a marker
        return 0, 0
    try:
        return identified(io.BytesIO(piece), "").size
    except Exception:  # its decoder says what is wrong
        return 0, 0


def _has_imagecodecs() -> bool:
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        return False
    return True
