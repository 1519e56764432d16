"""The directories of a TIFF, looked at before any library does: a few bytes can keep those busy for hours."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from mutualseg.errors import ImageError

MAX_PAGES = 1024
"""Pages of one file, which may be the bands of an image."""

_WIDTH, _LENGTH, _STRIPS, _SAMPLES, _TILES = 256, 257, 273, 277, 324
_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Of the types of numbers that sizes are written in."""


def check_pages(file: IO[bytes], name: Path | str) -> None:
    """Raise an ImageError if a TIFF's pages form a circle, are too many, or have more pieces than pixels.

    What cannot be followed is left to the decoders, which say what is wrong.

    Args:
        file: the file; where it stands afterwards is undefined.
        name: for messages.
    """
    try:
        _follow(file, name)
    except struct.error:  # cut short
        return


def _follow(file: IO[bytes], name: Path | str) -> None:
    file.seek(0)
    order = "<" if file.read(2) == b"II" else ">"
    is_big = _number(file, f"{order}H") == 43
    counts, offsets = ("Q", "Q") if is_big else ("H", "I")
    if is_big:
        file.seek(8)
    place, seen = _number(file, order + offsets), set[int]()
    while place:
        if place in seen:
            raise ImageError(f"{name} is broken (its pages form a circle); replace or delete it.")
        seen.add(place)
        if len(seen) > MAX_PAGES:
            raise ImageError(f"{name} holds more than {MAX_PAGES} pages; save each as its own file.")
        file.seek(place)
        tags = _number(file, order + counts)
        length = (20 if is_big else 12) * tags
        if tags > 2**16:
            return
        _check_pieces(file.read(length), order, 20 if is_big else 12, name)
        place = _number(file, order + offsets)


def _check_pieces(directory: bytes, order: str, size: int, name: Path | str) -> None:
    """Raise an ImageError if a page has more strips than lines, or more tiles than pixels."""
    values, counts = {_SAMPLES: 1}, dict[int, int]()
    for start in range(0, len(directory) - size + 1, size):
        tag, kind = struct.unpack_from(f"{order}HH", directory, start)
        (counts[tag],) = struct.unpack_from(f"{order}{'Q' if size == 20 else 'I'}", directory, start + 4)
        if tag in (_WIDTH, _LENGTH, _SAMPLES) and kind in _FORMS:
            (values[tag],) = struct.unpack_from(
                order + _FORMS[kind], directory, start + (12 if size == 20 else 8)
            )
    lines = max(1, values.get(_LENGTH, 1)) * max(1, values[_SAMPLES])
    columns = max(1, values.get(_WIDTH, 1))
    if counts.get(_STRIPS, 0) > lines or counts.get(_TILES, 0) > lines * columns:
        raise ImageError(f"{name} is broken (it has more pieces than lines); replace or delete it.")


def _number(file: IO[bytes], form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])
