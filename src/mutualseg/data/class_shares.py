"""What each class has in all labeled images, the chosen ones and val: the table of `mutualseg split`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_PARTS = ("labeled", "chosen", "val")


@dataclass(frozen=True)
class ClassShare:
    """One class in one set of images."""

    images: int
    """Images that hold at least one pixel of the class."""
    share: float
    """Percent of the pixels that have a class; 0 where there are none."""


@dataclass(frozen=True)
class ClassRow:
    """One class, in the training images that have a mask, in those chosen of them, and in val."""

    name: str
    labeled: ClassShare
    chosen: ClassShare
    val: ClassShare


def rows_to_json(rows: Sequence[ClassRow]) -> dict[str, Any]:
    """Return {class name: {"labeled" | "chosen" | "val": {"images", "share"}}}; shares are percent."""
    return {
        row.name: {
            part: {"images": share.images, "share": round(share.share, 4)} for part, share in _parts(row)
        }
        for row in rows
    }


def format_rows(rows: Sequence[ClassRow]) -> str:
    """Return the rows as a table of 80 columns."""
    head = "".join(f"{part:>18}" for part in _PARTS)
    below = "".join(f"{'images':>9}{'pixels':>9}" for _ in _PARTS)
    lines = [f"{'':<25}{head}", f"{'class':<25}{below}"]
    for row in rows:
        cells = "".join(f"{share.images:>9}{share.share:>8.2f}%" for _, share in _parts(row))
        lines.append(f"{textwrap.shorten(row.name, 25):<25}{cells}")
    return "\n".join(lines)


def _parts(row: ClassRow) -> Iterator[tuple[str, ClassShare]]:
    return ((part, getattr(row, part)) for part in _PARTS)
