"""Images read from top to bottom: a TIFF or PNG a few lines at a time, others whole first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mutualseg.data.image_codes import ImageCode, Pixels
from mutualseg.data.image_kinds import image_kind
from mutualseg.data.image_opening import open_image
from mutualseg.data.images import orientation_of
from mutualseg.data.png_rows import png_rows
from mutualseg.data.tiff_files import is_tiff
from mutualseg.data.tiff_rows import tiff_rows

_LINES = 256


class ImageRows:
    """An image that can be read from top to bottom, more than once.

    Args:
        size: height and width.
        read: yields pixels [n,W,C] as `ImageCode.read` has them.
    """

    def __init__(self, size: tuple[int, int], read: Callable[[], Iterator[Pixels]]) -> None:
        self.size = size
        self._read = read

    def pixels(self) -> Iterator[Pixels]:
        """Yield it in bands [n,W,C] of any heights, uint8 or float32 as `ImageCode.read` has them."""
        return self._read()

    def bands(self) -> Iterator[Tensor]:
        """Yield it in bands [C,n,W]."""
        return (to_planes(pixels) for pixels in self._read())

    def whole(self) -> Tensor:
        """Return all of it, [C,H,W]."""
        return to_planes(np.concatenate(list(self._read())))


def to_planes(pixels: Pixels) -> Tensor:
    """Return pixels [H,W,C] as a tensor [C,H,W]."""
    own = np.ascontiguousarray(pixels)
    return torch.from_numpy(own if own.flags.writeable else own.copy()).permute(2, 0, 1)


def rows_of(pixels: Pixels) -> ImageRows:
    """Return an image [H,W,C] that is in memory."""
    height, width = pixels.shape[:2]
    return ImageRows(
        (height, width), lambda: (pixels[top : top + _LINES] for top in range(0, height, _LINES))
    )


def open_rows(path: Path, code: ImageCode) -> ImageRows:
    """Return the image of a file, read as `code.read` reads it.

    Raises:
        ImageError: it cannot be read as such an image; what is wrong further down is raised while reading.
    """
    kind = code.look(path)
    if is_tiff(path):
        found = tiff_rows(path)
        if found is not None:
            header, bands = found
            return ImageRows(header.size, lambda: (code.from_numbers(band, kind, path) for band in bands()))
    else:
        with open_image(path) as image:
            is_upright = orientation_of(image, header_only=True) == 1
        lines = png_rows(path) if is_upright else None
        if lines is not None:
            return ImageRows(kind.size, lambda: (_pixels(part, code, path) for part in lines()))
    return rows_of(code.read(path))


def _pixels(part: Image.Image | Any, code: ImageCode, path: Path) -> Pixels:
    if isinstance(part, Image.Image):
        return code.from_image(part, path)
    return code.from_numbers(part, image_kind(path), path)
