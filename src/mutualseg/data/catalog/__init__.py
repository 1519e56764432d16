"""Colors of classes in pictures: distinct for most kinds of color vision, the same in every picture."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

# Okabe and Ito's palette first: made to be told apart by color-blind people.
_FIRST = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
    (90, 90, 90),
    (148, 103, 60),
    (120, 40, 140),
    (170, 220, 120),
    (30, 60, 40),
)
IGNORE_COLOR = (0, 0, 0)
"""Color of pixels without a class."""


def class_colors(count: int) -> list[tuple[int, int, int]]:
    """Return RGB colors for class indices 0 to count - 1."""
    colors = list(_FIRST[:count])
    for index in range(count - len(colors)):
        # The golden angle keeps neighbors far apart however many there are.
        hue = (0.1 + index * 0.618034) % 1.0
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.55 + 0.4 * (index % 2), 0.95 - 0.35 * (index % 3) / 2)
        colors.append((int(red * 255), int(green * 255), int(blue * 255)))
    return colors


def palette(colors: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return a flat 256-color palette for an indexed PNG: classes first, 255 for ignore."""
    filled = [*colors[:255], *[IGNORE_COLOR] * (256 - min(len(colors), 255))]
    return [channel for color in filled for channel in color]
