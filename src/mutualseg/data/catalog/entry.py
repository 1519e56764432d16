"""What is known of a public data set before any of its files is read."""

from __future__ import annotations

from dataclasses import dataclass

from mutualseg.data.mask_codes import INDICES, Color, MaskCode


@dataclass(frozen=True)
class Entry:
    """Classes of a public data set in index order, and how its masks hold them."""

    classes: tuple[str, ...]
    colors: tuple[Color, ...] | None = None
    """RGB of each class, as the data set's own pictures have them."""
    masks: MaskCode = INDICES
    """What mask files hold; 255 is what it ignores."""


def parse_classes(text: str) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Return names and colors of lines such as `128 64 128 road`, one class a line by index."""
    names: list[str] = []
    colors: list[Color] = []
    for line in text.strip().splitlines():
        red, green, blue, name = line.split(None, 3)
        names.append(name.strip())
        colors.append((int(red), int(green), int(blue)))
    return tuple(names), tuple(colors)
