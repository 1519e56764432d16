"""Resizing band by band: what `torch.nn.functional.interpolate` makes of a whole image, of its rows only.

Rows are weighed by the formulas of PyTorch's kernels, in float32 as they are, and columns by PyTorch itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mutualseg.evaluation.row_buffer import RowBuffer

CHUNK = 64
"""Rows that are made at a time."""

Size = tuple[int, int]

_HALF, _ONE = np.float32(0.5), np.float32(1)


def resized_image_rows(bands: Iterable[Tensor], size: Size, wanted: Size) -> Iterator[Tensor]:
    """Yield rows of an image [C,n,w] as `resized_image` makes them: bilinear, antialiased, in its own dtype.

    Args:
        bands: [C,n,W] of the image, from top to bottom.
        size: height and width of the image.
        wanted: height and width that it gets.
    """
    dtype = None
    ratio = np.float32(size[0]) / np.float32(wanted[0])

    def narrowed() -> Iterator[Tensor]:
        nonlocal dtype
        for band in bands:
            dtype = band.dtype
            yield F.interpolate(
                band[None].float(),
                (band.shape[1], wanted[1]),
                mode="bilinear",
                align_corners=False,
                antialias=True,
            )[0]

    buffer = RowBuffer(narrowed())
    for top in range(0, wanted[0], CHUNK):
        weights = [_antialiased(row, ratio, size[0]) for row in range(top, min(top + CHUNK, wanted[0]))]
        made = _weighed(buffer, weights)
        assert dtype is not None
        yield made if dtype.is_floating_point else made.round().to(dtype)


def resized_map_rows(bands: Iterable[Tensor], size: Size, wanted: Size) -> Iterator[Tensor]:
    """Yield rows of maps [K,n,w], bilinear and not antialiased; bands and sizes as for an image."""
    ratio = np.float32(size[0]) / np.float32(wanted[0])
    buffer = RowBuffer(bands)
    for top in range(0, wanted[0], CHUNK):
        weights = [_between(row, ratio, size[0]) for row in range(top, min(top + CHUNK, wanted[0]))]
        rows = _weighed(buffer, weights)
        yield F.interpolate(rows[None], (rows.shape[1], wanted[1]), mode="bilinear", align_corners=False)[0]


_Weights = tuple[int, list[float]]
"""The first row that counts, and the weight of it and of those below it."""


def _antialiased(row: int, ratio: np.float32, height: int) -> _Weights:
    support = max(ratio, _ONE)
    center = ratio * (np.float32(row) + _HALF)
    first = max(int(center - support + _HALF), 0)
    last = min(int(center + support + _HALF), height)
    places = np.arange(last - first, dtype=np.float32) + np.float32(first) - center + _HALF
    shares = np.maximum(_ONE - np.abs(places / support), np.float32(0))
    return first, (shares / shares.sum(dtype=np.float32)).tolist()


def _between(row: int, ratio: np.float32, height: int) -> _Weights:
    place = max(ratio * (np.float32(row) + _HALF) - _HALF, np.float32(0))
    first = min(int(place), height - 1)
    share = float(min(place - np.float32(first), _ONE))
    return (first, [1 - share, share]) if first + 1 < height else (first, [1.0])


def _weighed(buffer: RowBuffer, weights: list[_Weights]) -> Tensor:
    """Return rows [C,len(weights),W], each the sum of some of the buffer's."""
    top = weights[0][0]
    bottom = max(first + len(shares) for first, shares in weights)
    matrix = torch.zeros(len(weights), bottom - top)
    for row, (first, shares) in enumerate(weights):
        matrix[row, first - top : first - top + len(shares)] = torch.tensor(shares)
    given = buffer.rows(top, bottom)
    return torch.matmul(matrix.to(given.device), given)
