"""The numbers of images that are no 8-bit gray or RGB, as they stand in their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.deep_png import read_deep_png
from mutualseg.data.image_kinds import ImageKind
from mutualseg.data.images import orientation_of
from mutualseg.data.tiff_files import read_bands, upright
from mutualseg.errors import ImageError


def read_deep(name: Path | str, kind: ImageKind, image: Image.Image | None = None) -> npt.NDArray[Any]:
    """Return the numbers of an image, upright, [H,W,B] with alpha as the last band where there is one.

    Args:
        name: its path, or what it is called in messages if only Pillow's image of it is there.
        kind: what it holds.
        image: the file as Pillow opened it, for kinds that are not tifffile's.

    Raises:
        ImageError: It is broken, or 16-bit color that is not in a file.
    """
    if kind.decoder == "tifffile":
        assert isinstance(name, Path)
        return read_bands(name)
    assert image is not None
    if kind.decoder == "pillow":
        image.load()
        numbers = np.asarray(image)[..., None]
        numbers = numbers.astype(numbers.dtype.newbyteorder("="))
    else:
        if not isinstance(name, Path):
            raise ImageError(
                "The image has color of 16 bits, of which Pillow drops half; give the path of its file."
            )
        numbers = read_deep_png(name)
    return np.ascontiguousarray(upright(numbers, orientation_of(image)))
