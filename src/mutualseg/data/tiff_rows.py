"""TIFF files from top to bottom, strip by strip or one row of tiles after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mutualseg.data.tiff_files import TiffHeader, as_levels, header_of, image_pages, opened_tiff
from mutualseg.data.tiff_pieces import check_pieces

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_LARGEST = 2**28
"""Bytes of the pieces that lie side by side, and are unpacked together."""
_CHUNK = 64
"""Lines that are read at a time where nothing is packed."""
_PREMULTIPLIED = 1
"""Kind of alpha."""
_LEVEL_BITS = (1, 8, 16, 32, 64)
"""Others have no type of their own in memory, and decoders differ in what they make of them."""

Bands = npt.NDArray[Any]


def tiff_rows(path: Path) -> tuple[TiffHeader, Callable[[], Iterator[Bands]]] | None:
    """Return the header of a TIFF and what reads it from top to bottom; None if it cannot be read so.

    That is so if it is turned, several pages, packed in one large piece, or in a way that needs a further
    package: then it has to be read whole, which also says what is wrong with it.

    Returns:
        The header, and a function that yields numbers [n,W,B] as `read_bands` has them.

    Raises:
        ImageError: it is broken, or holds several images.
    """
    with opened_tiff(path) as file:
        header = header_of(file, path)
        page = image_pages(file)[0]
        fits = header.orientation == 1 and not header.is_paged and header.is_plain
        if not fits or header.bits not in _LEVEL_BITS or page.imagedepth != 1 or page.jpegheader is not None:
            return None
        if _PREMULTIPLIED in map(int, page.extrasamples):  # Pillow undoes that
            return None
        check_pieces(page, path)
        if not _is_bare(page):
            if _piece_lines(page) * header.size[1] * header.bands * header.dtype.itemsize > _LARGEST:
                return None
            try:
                _piece(file, page, 0)
            except Exception:  # who reads it whole says why, and may know how
                return None

    def rows() -> Iterator[Bands]:
        with opened_tiff(path) as file:
            page = image_pages(file)[0]
            for band in _bare_rows(file, page) if _is_bare(page) else _piece_rows(file, page):
                yield as_levels(band, page).astype(header.dtype, copy=False)

    return header, rows


def _is_bare(page: TiffPage) -> bool:
    """Tell whether the numbers stand in the file as in memory, one line after the other."""
    return (
        bool(page.is_contiguous) and page.fillorder == 1 and page.predictor == 1 and page.bitspersample >= 8
    )


def _bare_rows(file: TiffFile, page: TiffPage) -> Iterator[Bands]:
    planes, _, height, width, samples = page.shaped
    dtype = np.dtype(page.parent.byteorder + page.dtype.char)  # type: ignore[union-attr]  # never a frame
    line = width * samples * dtype.itemsize
    start = page.dataoffsets[0]
    for top in range(0, height, _CHUNK):
        count = min(_CHUNK, height - top)
        parts = []
        for plane in range(planes):
            file.filehandle.seek(start + (plane * height + top) * line)
            content = file.filehandle.read(count * line)
            parts.append(np.frombuffer(content, dtype).reshape(count, width, samples))
        yield parts[0] if planes == 1 else np.concatenate(parts, axis=2)


def _piece_lines(page: TiffPage) -> int:
    return min(int(page.tilelength if page.is_tiled else page.rowsperstrip), int(page.imagelength))


def _piece_rows(file: TiffFile, page: TiffPage) -> Iterator[Bands]:
    planes, _, height, width, samples = page.shaped
    lines = int(page.tilelength if page.is_tiled else page.rowsperstrip)
    across = -(-width // int(page.tilewidth)) if page.is_tiled else 1
    down = -(-height // lines)
    for row in range(down):
        top = row * lines
        count = min(lines, height - top)
        band = np.empty((count, width, planes * samples), page.dtype)
        for plane in range(planes):
            for column in range(across):
                numbers, left = _piece(file, page, (plane * down + row) * across + column)
                right = min(left + numbers.shape[1], width)
                place = band[:, left:right, plane * samples : (plane + 1) * samples]
                place[...] = numbers[:count, : right - left]
        yield band


def _piece(file: TiffFile, page: TiffPage, index: int) -> tuple[Bands, int]:
    """Return the numbers [h,w,S] of a strip or tile, which may reach beyond the image, and its left edge."""
    count = page.databytecounts[index]
    content = None
    if count:
        file.filehandle.seek(page.dataoffsets[index])
        content = file.filehandle.read(count)
    numbers, place, shape = page.decode(content, index, jpegtables=page.jpegtables)
    if numbers is None:  # left out, which means nothing is there
        numbers = np.full(shape, page.nodata, page.dtype)
    return numbers[0], place[3]
