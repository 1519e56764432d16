"""What the pictures of each kind show, made of an image and what a network says of it, whole or in bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from mutualseg.data.catalog import class_colors, palette
from mutualseg.evaluation.large_images import Look
from mutualseg.reporting.display import Range, as_rgb
from mutualseg.reporting.pictures import Colors, colorize, overlay

FORMS = {"index": "index", "color": "rgb", "overlay": "rgb", "confidence": "gray16"}
"""Kinds that are pictures, and the form of their pixels as `PngWriter` has it."""

CONFIDENT = 65535
"""What a probability of 1 is in a confidence map, 16-bit gray; others are in proportion."""


@dataclass(frozen=True)
class Painter:
    """Draws the pictures of one network.

    Args:
        classes: names by index.
        colors: RGB of each; None for those of the catalog.
    """

    classes: Sequence[str]
    colors: Colors | None

    def palette(self) -> list[int]:
        """Return the colors of an index mask, flat."""
        return palette(self.colors or class_colors(len(self.classes)))

    def pixels(self, kind: str, image: Tensor, look: Look, shown: Range | None = None) -> npt.NDArray[Any]:
        """Return the pixels of one kind.

        Args:
            kind: one of `FORMS`.
            image: [C,H,W] as the network reads it.
            look: what the network says of it.
            shown: the range that is drawn of images that are no 8-bit RGB; None: their own.

        Returns:
            uint8 [H,W] class indices; uint8 [H,W,3]; or uint16 [H,W].
        """
        indices = look.indices.numpy()
        if kind == "index":
            return indices
        if kind == "color":
            return colorize(indices, len(self.classes), self.colors)
        if kind == "overlay":
            picture = as_rgb(image.permute(1, 2, 0).numpy(), shown)
            return overlay(picture, indices, len(self.classes), colors=self.colors)
        scaled: npt.NDArray[Any] = np.rint(look.confidence.numpy() * CONFIDENT).astype(np.uint16)
        return scaled

    def picture(self, kind: str, image: Tensor, look: Look) -> Image.Image:
        """Return the whole picture of one kind, to save as PNG; arguments as in `pixels`."""
        made = Image.fromarray(self.pixels(kind, image, look))
        if kind == "index":
            made = made.convert("P")
            made.putpalette(self.palette())
        return made
