"""Rows of an image or of maps that arrive from top to bottom, of which only a band is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


class RowBuffer:
    """The rows that were asked for last, and those that came with them.

    Args:
        bands: [C,n,W] each, of any heights, one below the other.
    """

    def __init__(self, bands: Iterable[Tensor]) -> None:
        self._bands = iter(bands)
        self._parts: list[Tensor] = []
        self._top = 0
        """Row of the image that is the first one of the first part."""

    def rows(self, top: int, bottom: int) -> Tensor:
        """Return rows [C,bottom-top,W]; those above `top` are forgotten, so it may never move up."""
        while self._parts and self._top + self._parts[0].shape[1] <= top:
            self._top += self._parts.pop(0).shape[1]
        reached = self._top + sum(part.shape[1] for part in self._parts)
        while reached < bottom:
            part = next(self._bands)
            reached += part.shape[1]
            if reached <= top:
                self._top = reached
            else:
                self._parts.append(part)
        if len(self._parts) > 1:
            self._parts[0] = self._parts[0][:, top - self._top :]
            self._parts, self._top = [torch.cat(self._parts, 1)], top
        return self._parts[0][:, top - self._top : bottom - self._top]


def in_chunks(bands: Iterable[Tensor], height: int, chunk: int) -> Iterator[Tensor]:
    """Yield the same rows in bands of `chunk` rows, and the last one of what is left.

    Args:
        bands: [C,n,W] each, `height` rows together.
        height: of all of them.
        chunk: rows of each band that is yielded.
    """
    buffer = RowBuffer(bands)
    for top in range(0, height, chunk):
        yield buffer.rows(top, min(top + chunk, height))
