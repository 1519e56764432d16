"""Pictures of the page: at most as large as a screen shows, as data URIs, so that no file holds them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.catalog import class_colors, palette
from mutualseg.reporting.display import as_rgb, is_plain_rgb
from mutualseg.reporting.pictures import Colors, Pixels

LONGEST = 1280
"""Pixels of the longer side of a picture; larger ones are shown smaller."""
_DIFFERENT = (230, 97, 1)
_FADED = (0.35, 165.0)
"""Contrast and brightness of the gray photo under what two networks disagree on."""


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) at which an image of a (height, width) is shown."""
    factor = min(1.0, LONGEST / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def photo(pixels: npt.NDArray[Any]) -> Pixels:
    """Return a photo [h,w,3] of an image [H,W,C] of any bands and depth, at the size at which it is shown."""
    size = shown_size(pixels.shape[:2])
    if not is_plain_rgb(pixels):
        apart = max(1, max(pixels.shape[:2]) // (2 * LONGEST))
        pixels = as_rgb(pixels[::apart, ::apart])
    return np.asarray(_resized(Image.fromarray(np.ascontiguousarray(pixels)), size, Image.Resampling.LANCZOS))


def photo_uri(picture: Pixels) -> str:
    """Return a photo [h,w,3] as a data URI."""
    return _uri(Image.fromarray(picture), "webp", quality=85)


def mask_uri(indices: Pixels, num_classes: int, colors: Colors | None) -> str:
    """Return class indices [H,W] in the colors of the classes: no other color arises where it is shrunk."""
    image = _resized(Image.fromarray(indices), shown_size(indices.shape[:2]), Image.Resampling.NEAREST)
    image = image.convert("P")
    image.putpalette(palette(colors or class_colors(num_classes)))
    return _uri(image, "png", optimize=True)


def confidence_uri(confidence: npt.NDArray[np.float32]) -> str:
    """Return probabilities [H,W] in `confidence_colors`."""
    image = _resized(Image.fromarray(confidence), shown_size(confidence.shape[:2]), Image.Resampling.BOX)
    levels = (np.asarray(image).clip(0, 1) * 255).round().astype(np.uint8)
    return _uri(Image.fromarray(confidence_colors()[levels]), "webp", quality=85)


@cache
def confidence_colors() -> Pixels:
    """Return the color of each probability from 0 to 1, [256,3]: dark to light, also for the color-blind."""
    import matplotlib

    table: Pixels = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    return table


def css_color(color: Sequence[int]) -> str:
    """Return an RGB color as CSS has it."""
    red, green, blue = (int(part) for part in color)
    return f"#{red:02x}{green:02x}{blue:02x}"


def difference_uri(picture: Pixels, where: npt.NDArray[np.bool_]) -> str:
    """Return a faded gray photo [h,w,3] on which the pixels [H,W] that differ are orange."""
    size = picture.shape[0], picture.shape[1]
    marks = _resized(Image.fromarray(where.astype(np.uint8) * 255), size, Image.Resampling.BOX)
    share = np.asarray(marks)[..., None].astype(np.float32) / 255
    contrast, brightness = _FADED
    gray = np.asarray(Image.fromarray(picture).convert("L"))[..., None] * contrast + brightness
    mixed = (1 - share) * gray + share * np.array(_DIFFERENT, np.float32)
    return _uri(Image.fromarray(mixed.clip(0, 255).round().astype(np.uint8)), "webp", quality=85)


def _resized(image: Image.Image, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
    height, width = size
    return image if image.size == (width, height) else image.resize((width, height), how)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    held = BytesIO()
    image.save(held, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(held.getvalue()).decode('ascii')}"
