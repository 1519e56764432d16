"""Mean class probabilities over windows, from top to bottom: sums are kept only where windows overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from mutualseg.evaluation.row_buffer import RowBuffer
from mutualseg.evaluation.windows import window_starts

Probabilities = Callable[[Iterable[Tensor]], Iterator[Tensor]]
"""From pieces of an image [C,h,w] to class probabilities [K,h,w] of each, in order and one by one."""


class Block(NamedTuple):
    """A finished part of the maps."""

    top: int
    left: int
    values: Tensor
    """[K,h,w]."""


def window_blocks(
    bands: Iterable[Tensor], size: tuple[int, int], window: int, probabilities: Probabilities
) -> Iterator[Block]:
    """Yield the mean over windows of an image, as `join_windows` has it, in blocks row by row.

    All blocks of a row have one top and height, and lie from left to right without gaps. Beside a few
    windows, [K,h,W] is held for the h rows in which a row of windows overlaps the next one.

    Args:
        bands: [C,n,W] of the image, from top to bottom.
        size: its height and width.
        window: side of the windows; an image that is smaller gets one window.
        probabilities: of windows; may look at several at a time.
    """
    tops, lefts = (window_starts(length, window) for length in size)
    height, width = min(window, size[0]), min(window, size[1])
    below, right = [*tops[1:], size[0]], [*lefts[1:], size[1]]
    rows_seen, columns_seen = (
        _times_covered(starts, window, n) for starts, n in zip((tops, lefts), size, strict=True)
    )
    parts = probabilities(_pieces(bands, tops, lefts, (height, width)))
    carried = torch.empty(0)  # sums [K,h,W] of the rows that windows above have in common with this row's
    carried_rows = 0
    for top, next_top in zip(tops, below, strict=True):
        total = torch.empty(0)  # sums [K,height,w] of the columns from `left` on
        kept = top + height - next_top
        for left, next_left in zip(lefts, right, strict=True):
            part = next(parts)
            if not carried.numel() and len(tops) > 1:
                most = max(a + height - b for a, b in pairwise(tops))
                carried = part.new_zeros(len(part), max(most, 0), size[1])
            begun = total.shape[-1] if total.numel() else 0
            fresh = part.new_zeros(len(part), height, width - begun)
            if carried_rows:
                fresh[:, :carried_rows] = carried[:, :carried_rows, left + begun : left + width]
            total = torch.cat((total, fresh), 2) if begun else fresh
            total += part
            done = total[:, :, : next_left - left]
            counts = rows_seen[top:next_top, None] * columns_seen[None, left:next_left]
            yield Block(top, left, done[:, : next_top - top] / counts.to(done))
            if next_top < size[0]:
                carried[:, :kept, left:next_left] = done[:, next_top - top :]
            total = total[:, :, next_left - left :]
        carried_rows = kept


def block_rows(blocks: Iterable[Block]) -> Iterator[Tensor]:
    """Yield the blocks of each row side by side, [K,h,W]."""
    for _, row in groupby(blocks, key=lambda block: block.top):
        yield torch.cat([block.values for block in row], 2)


def _pieces(
    bands: Iterable[Tensor], tops: list[int], lefts: list[int], size: tuple[int, int]
) -> Iterator[Tensor]:
    buffer = RowBuffer(bands)
    for top in tops:
        rows = buffer.rows(top, top + size[0])
        yield from (rows[:, :, left : left + size[1]] for left in lefts)


def _times_covered(starts: list[int], window: int, length: int) -> Tensor:
    """Return in how many windows each pixel of a line is, [length]."""
    counts = torch.zeros(length)
    for start in starts:
        counts[start : start + window] += 1
    return counts
