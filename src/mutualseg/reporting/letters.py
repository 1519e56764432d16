"""Letters in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from PIL import ImageDraw, ImageFont


def letters(size: int) -> Any:
    """Return matplotlib's font, which has the letters of most alphabets, where Pillow's own has few."""
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, size) if path.is_file() else ImageFont.load_default(size)


def shortened(draw: ImageDraw.ImageDraw, text: str, room: float, size: int, *, end: bool = True) -> str:
    """Return a text that fits a width in pixels, without its beginning where it is too long.

    Args:
        draw: of the picture.
        text: on one line.
        room: in pixels.
        size: of the letters.
        end: keep the end, in which names differ; else the beginning.
    """
    font = letters(size)
    if draw.textlength(text, font) <= room:
        return text
    while len(text) > 1 and draw.textlength(f"…{text}", font) > room:
        text = text[1:] if end else text[:-1]
    return f"…{text}" if end else f"{text}…"
