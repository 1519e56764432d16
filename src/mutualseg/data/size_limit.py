"""The largest images that are read: what a file declares is held against it before memory is taken."""

from __future__ import annotations

from pathlib import Path

from mutualseg.errors import ImageError

MAX_PIXELS = 2**29
"""Height times width: 23,170 squared. An aerial image of 20,000 x 20,000 is below it: 1.2 GB as RGB."""
MAX_SIDE = 2**17
"""Pixels in height or in width: a few bytes can declare a line that is millions long."""
MAX_BYTES = 2**32
"""Of all numbers of an image as its file has them: bands can be many, and of 8 bytes each."""


def refuse_huge(name: Path | str, height: int, width: int, bytes_per_pixel: int = 1) -> None:
    """Raise an ImageError if an image of this size is not read; `name` is for the message."""
    if height * width > MAX_PIXELS or max(height, width) > MAX_SIDE:
        raise ImageError(
            f"{name} has too many pixels ({width}x{height}; read are {MAX_PIXELS:,} in all, {MAX_SIDE:,} a "
            "side); cut it into tiles."
        )
    size = height * width * bytes_per_pixel
    if size > MAX_BYTES:
        raise ImageError(
            f"{name} takes too much memory ({width}x{height} pixels of {bytes_per_pixel} bytes; read are "
            f"{MAX_BYTES >> 30} GiB); cut it into tiles, or leave out bands."
        )
