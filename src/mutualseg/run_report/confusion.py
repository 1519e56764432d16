"""The confusion matrix: a table of shaded cells, a picture where there are many classes, and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from mutualseg.run_report.tiles import Tile, css_color, plain_tile

Numbers = npt.NDArray[np.float64]

MOST_IN_TABLE = 24
"""With more classes a table is wider than a page."""
_MOST_PAIRS = 10
_FULL = np.array((0, 90, 150), np.float64)
"""Color of a cell of 100 percent; 0 is white."""


class Cell(NamedTuple):
    """One cell of the table."""

    text: str
    background: str
    ink: str
    is_hit: bool


class Row(NamedTuple):
    """What the pixels of one true class are called."""

    name: str
    cells: Sequence[Cell]
    """Empty for a class that val does not hold."""


class Pair(NamedTuple):
    """One kind of error."""

    true: str
    named: str
    share: float
    """Percent of the true class's pixels."""
    of_errors: float
    """Percent of all wrong pixels."""


class Confusion(NamedTuple):
    """A drawn confusion matrix."""

    rows: Sequence[Row]
    """Empty if it is drawn as a picture."""
    picture: Tile | None
    pairs: Sequence[Pair]
    """The most frequent errors, first the one with the most pixels."""


def draw_confusion(counts: Tensor, classes: Sequence[str]) -> Confusion:
    """Return the matrix [K,K] of (true, predicted) counts, each row in percent of its pixels."""
    pixels = counts.numpy().astype(np.float64)
    true = pixels.sum(1, keepdims=True)
    shares = 100 * pixels / np.maximum(true, 1)
    pairs = _pairs(pixels, shares, classes)
    if len(classes) > MOST_IN_TABLE:
        return Confusion((), _picture(shares, pairs), pairs)
    rows = [
        Row(
            name, [_cell(share, own == other) for other, share in enumerate(shares[own])] if true[own] else ()
        )
        for own, name in enumerate(classes)
    ]
    return Confusion(rows, None, pairs)


def _pairs(pixels: Numbers, shares: Numbers, classes: Sequence[str]) -> list[Pair]:
    wrong = pixels * (1 - np.eye(len(classes)))
    places = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    found = []
    for place in places:
        own, other = divmod(int(place), len(classes))
        if wrong[own, other]:
            of_errors = 100 * wrong[own, other] / wrong.sum()
            found.append(Pair(classes[own], classes[other], float(shares[own, other]), float(of_errors)))
    return found


def _cell(share: float, is_hit: bool) -> Cell:
    text = "" if share < 0.05 else "<1" if share < 0.5 else f"{share:.0f}"
    color = 255 + (_FULL - 255) * share / 100
    return Cell(text, css_color(color.round().astype(int).tolist()), _ink(color), is_hit)


def _ink(background: Numbers) -> str:
    """Return black or white, whichever is easier to read on a color: one of them has a contrast over 4.5."""
    parts = background.round() / 255
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return "#fff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000"


def _picture(shares: Numbers, pairs: Sequence[Pair]) -> Tile:
    colors = (255 + (_FULL - 255) * (shares[..., None] / 100)).round().astype(np.uint8)
    factor = max(1, 760 // len(colors))
    image = Image.fromarray(colors.repeat(factor, 0).repeat(factor, 1))
    most = "; ".join(f"{pair.true} as {pair.named}, {pair.share:.0f} %" for pair in pairs[:3])
    text = (
        f"Confusion matrix of {len(colors)} classes, true ones from top to bottom, named ones from left to "
        f"right. Most frequent errors: {most or 'none'}."
    )
    return plain_tile("confusion matrix", image, text)
