"""What a reader of a data folder has to know of its files: the code of its images and that of its masks."""

from __future__ import annotations

from dataclasses import dataclass

from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.mask_codes import INDICES, MaskCode


@dataclass(frozen=True)
class Encoding:
    """How image and mask files of a data folder are read."""

    images: ImageCode = RGB
    masks: MaskCode = INDICES


PLAIN = Encoding()
"""8-bit RGB images and masks of class indices."""
