"""Pictures inside a page: small, as data URIs, with a text for those who do not see them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mutualseg.data.catalog import class_colors, palette
from mutualseg.data.mask_codes import IGNORE
from mutualseg.reporting.pictures import Colors, Pixels

WIDTH = 440
"""Wider pictures are made smaller: twice what a column of the page is wide."""
_TALLEST = 660
_SHEET_WIDTH = 1400
_MOST_PIXELS = 50_000_000

RIGHT, FIXED, BROKEN, WRONG, UNKNOWN = range(5)
"""What an error map says of a pixel."""
ERROR_COLORS = {FIXED: (74, 163, 216), BROKEN: (213, 94, 0), WRONG: (70, 20, 70)}
"""Blue, orange and dark: apart in hue for color-blind people, and in lightness for a gray print."""


_GRAYS = [(level, level, level) for level in range(195, 251, 2)]
"""Of the photo where nothing is wrong."""
_HATCH = len(_GRAYS) + len(ERROR_COLORS)
_ERROR_PALETTE = [*_GRAYS, *ERROR_COLORS.values(), (110, 110, 110), (170, 170, 170)]


class Tile(NamedTuple):
    """One picture of a page."""

    title: str
    source: str
    """data: URI."""
    text: str
    """What stands for it."""
    width: int
    height: int


def photo_tile(title: str, picture: Pixels, text: str) -> Tile:
    """Return a tile of a photo [H,W,3]."""
    image = Image.fromarray(picture)
    image = image.resize(_fitting(image.size), Image.Resampling.LANCZOS)
    return _tile(title, image, text, format="WEBP", quality=80)


def class_tile(title: str, indices: Pixels, num_classes: int, colors: Colors | None, text: str) -> Tile:
    """Return a tile of class indices [H,W] in the colors of the classes; 255 is black."""
    image = Image.fromarray(shrunk(indices))
    image.putpalette(palette(colors or class_colors(num_classes)))
    return _tile(title, image, text, format="PNG", optimize=True)


def error_map(truth: Pixels, found: Pixels, before: Pixels | None = None) -> Pixels:
    """Return what each pixel [H,W] is: RIGHT, FIXED, BROKEN, WRONG or UNKNOWN.

    Args:
        truth: class indices, 255 where unknown.
        found: of the network that is judged.
        before: of the network that it is compared with; without one a wrong pixel is BROKEN.
    """
    right = found == truth
    if before is None:
        judged = np.where(right, RIGHT, BROKEN)
    else:
        was_right = before == truth
        judged = np.select([right & was_right, right, was_right], [RIGHT, FIXED, BROKEN], WRONG)
    return np.where(truth == IGNORE, UNKNOWN, judged).astype(np.uint8)


def error_tile(title: str, picture: Pixels, judged: Pixels, text: str) -> Tile:
    """Return a tile of an error map [H,W] over the faded gray photo [H,W,3]."""
    photo = Image.fromarray(picture).convert("L")
    small = np.asarray(photo.resize(_fitting(photo.size), Image.Resampling.LANCZOS))
    judged = shrunk(judged)
    rows, columns = np.indices(judged.shape)
    hatched = np.where((rows + columns) % 6 < 2, _HATCH, _HATCH + 1)
    places = np.where(judged == UNKNOWN, hatched, small.astype(np.int64) * (len(_GRAYS) - 1) // 255)
    for place, kind in enumerate(ERROR_COLORS, start=len(_GRAYS)):
        places[judged == kind] = place
    image = Image.fromarray(places.astype(np.uint8))
    image.putpalette([part for color in _ERROR_PALETTE for part in color])
    return _tile(title, image, text, format="PNG", optimize=True)


def sheet_tile(title: str, path: Path, text: str) -> Tile | None:
    """Return a tile of a picture that the run wrote; None if it is not there or is none."""
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if image.width > _SHEET_WIDTH:
        size = _SHEET_WIDTH, max(1, round(image.height * _SHEET_WIDTH / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return _tile(title, image, text, format="WEBP", quality=72)


def plain_tile(title: str, image: Image.Image, text: str) -> Tile:
    """Return a tile of a picture as it is."""
    return _tile(title, image, text, format="PNG", optimize=True)


def shrunk(indices: Pixels) -> Pixels:
    """Return class indices [H,W] at the size of a tile: no new ones arise."""
    image = Image.fromarray(indices)
    return np.asarray(image.resize(_fitting(image.size), Image.Resampling.NEAREST))


def legend_colors(num_classes: int, colors: Colors | None) -> list[str]:
    """Return the color of each class as CSS has it."""
    return [css_color(color) for color in colors or class_colors(num_classes)]


def css_color(color: Sequence[int]) -> str:
    """Return an RGB color such as #0072b2."""
    red, green, blue = (int(part) for part in color)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    factor = min(1.0, WIDTH / size[0], _TALLEST / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _tile(title: str, image: Image.Image, text: str, *, format: str, **options: object) -> Tile:
    held = BytesIO()
    image.save(held, format=format, **options)
    packed = base64.b64encode(held.getvalue()).decode("ascii")
    return Tile(title, f"data:image/{format.lower()};base64,{packed}", text, *image.size)
