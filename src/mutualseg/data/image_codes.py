"""How the files of a data set become pixels: how many channels an image has and what its numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mutualseg.data.images import read_image

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ImageCode:
    """What all images of a run are read as."""

    channels: int = 3

    def read(self, path: Path) -> Pixels:
        """Return the pixels of a file, [H,W,channels].

        Raises:
            ImageError: the file cannot be read as such an image.
        """
        return read_image(path)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> ImageCode:
        """Return what `to_plain` returned."""
        return cls(**values)


RGB = ImageCode()
"""8-bit images, read as RGB."""
