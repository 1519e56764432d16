"""Pictures of what the networks see and say: sheets of views, pseudo-labels, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mutualseg.data.catalog import IGNORE_COLOR, class_colors, palette
from mutualseg.data.mask_codes import IGNORE

Pixels = npt.NDArray[np.uint8]
Colors = Sequence[tuple[int, int, int]]
"""RGB of each class; where a data set has none of its own, None stands for those of the catalog."""

_GAP = 4
_LINE = 16
_LEAST_WIDTH = 128
"""Narrower pictures are enlarged, so that column titles find room."""
_INK = (30, 30, 30)


def save_indexed(path: Path, indices: Pixels, num_classes: int, colors: Colors | None = None) -> None:
    """Write class indices [H,W] as a palette PNG: readable as indices, colorful to look at."""
    image = Image.fromarray(indices).convert("P")
    image.putpalette(palette(colors or class_colors(num_classes)))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def colorize(indices: Pixels, num_classes: int, colors: Colors | None = None) -> Pixels:
    """Return [H,W,3] colors of class indices [H,W]; 255 is black."""
    table = np.zeros((256, 3), np.uint8)
    table[:num_classes] = colors or class_colors(num_classes)
    table[IGNORE] = IGNORE_COLOR
    return table[indices]


def overlay(
    image: Pixels,
    indices: Pixels,
    num_classes: int,
    opacity: float = 0.55,
    colors: Colors | None = None,
) -> Pixels:
    """Return the image [H,W,3] with its classes painted over; ignored pixels show the image."""
    painted = colorize(indices, num_classes, colors).astype(np.float32)
    mixed = (1 - opacity) * image + opacity * painted
    mixed[indices == IGNORE] = image[indices == IGNORE]
    return mixed.round().astype(np.uint8)


def narrowed(picture: Pixels, width: int) -> Pixels:
    """Return a picture [H,W,3] at most `width` pixels wide, in its own shape."""
    height, own = picture.shape[:2]
    if own <= width:
        return picture
    size = width, max(1, round(height * width / own))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def hide(image: Pixels, visible: npt.NDArray[np.bool_]) -> Pixels:
    """Return the image with pixels that are not visible whitened and hatched."""
    rows, columns = np.indices(visible.shape)
    stripes = np.where((rows + columns) % 8 < 2, 190, 245).astype(np.uint8)
    return np.where(visible[..., None], image, stripes[..., None]).astype(np.uint8)


def sheet(
    rows: Sequence[Sequence[Pixels]],
    titles: Sequence[str],
    classes: Sequence[str] = (),
    colors: Colors | None = None,
) -> Image.Image:
    """Lay pictures out in rows under column titles, with a class legend below.

    Args:
        rows: pictures [h,w,3]; those of a row have one size.
        titles: one per column.
        classes: names for the legend; none leaves it out.
        colors: of the classes.
    """
    narrowest = min(picture.shape[1] for row in rows for picture in row)
    factor = -(-_LEAST_WIDTH // narrowest)
    rows = [[picture.repeat(factor, 0).repeat(factor, 1) for picture in row] for row in rows]
    widths = [max(row[column].shape[1] for row in rows) for column in range(len(titles))]
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    width = sum(widths) + _GAP * (len(widths) + 1)
    legend_rows = _legend_lines(classes, width)
    height = _LINE + sum(heights) + _GAP * (len(heights) + 1) + _LINE * len(legend_rows) + _GAP
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(11)
    left = _GAP
    for column, title in enumerate(titles):
        draw.text((left, 2), title, fill=_INK, font=font)
        left += widths[column] + _GAP
    top = _LINE + _GAP
    for row, row_height in zip(rows, heights, strict=True):
        left = _GAP
        for picture, column_width in zip(row, widths, strict=True):
            canvas.paste(Image.fromarray(picture), (left, top))
            left += column_width + _GAP
        top += row_height + _GAP
    colors = colors or class_colors(len(classes))
    for line in legend_rows:
        for left, index in line:
            draw.rectangle((left, top + 2, left + 10, top + 12), fill=colors[index], outline=_INK)
            draw.text((left + 14, top), classes[index], fill=_INK, font=font)
        top += _LINE
    return canvas


def _legend_lines(classes: Sequence[str], width: int) -> list[list[tuple[int, int]]]:
    """Return lines of (left edge, class index) that fit the width."""
    lines: list[list[tuple[int, int]]] = []
    left = width
    for index, name in enumerate(classes):
        needed = 26 + 7 * len(name)
        if not lines or left + needed > width:
            lines.append([])
            left = _GAP
        lines[-1].append((left, index))
        left += needed
    return lines
