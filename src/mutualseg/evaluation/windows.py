"""Sliding windows: where they lie on an image, and how what they say is put together again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

import torch
from torch import Tensor

Corner = tuple[int, int]


def window_corners(size: tuple[int, int], window: int, overlap: float = 1 / 3) -> list[Corner]:
    """Return (top, left) of the fewest windows that cover an image, spread evenly, row by row.

    Args:
        size: height and width of the image in pixels.
        window: side of the windows; an image that is smaller gets one window at (0, 0).
        overlap: least share of a window's side that neighbors have in common, in [0, 1).
    """
    rows, columns = (window_starts(length, window, overlap) for length in size)
    return [(top, left) for top in rows for left in columns]


def window_starts(length: int, window: int, overlap: float = 1 / 3) -> list[int]:
    """Return where windows begin along one side of an image; see `window_corners`."""
    rest = length - window
    if rest <= 0:
        return [0]
    steps = ceil(rest / max(1, int(window * (1 - overlap))))
    return [round(step * rest / steps) for step in range(steps + 1)]


def cut_windows(image: Tensor, window: int, corners: Sequence[Corner]) -> list[Tensor]:
    """Return views [C,h,w] of an image [C,H,W]; h and w are `window` or the image's side if less."""
    return [image[..., top : top + window, left : left + window] for top, left in corners]


def join_windows(parts: Iterable[Tensor], corners: Sequence[Corner], size: tuple[int, int]) -> Tensor:
    """Return the mean over windows at each pixel; no window is kept once it is added.

    Args:
        parts: of each window, [K,h,w] floating; may be made while they are read.
        corners: of each window; there is at least one.
        size: height and width of the image.

    Returns:
        [K,H,W].
    """
    total = count = torch.empty(0)
    for index, (part, (top, left)) in enumerate(zip(parts, corners, strict=True)):
        if index == 0:
            total, count = part.new_zeros(len(part), *size), part.new_zeros(size)
        height, width = part.shape[-2:]
        total[:, top : top + height, left : left + width] += part
        count[top : top + height, left : left + width] += 1
    return total.div_(torch.clamp(count, min=1))
