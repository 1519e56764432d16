"""PNG files written line by line, so that a picture of any height never has to be in memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from mutualseg.atomic_files import replacing
from mutualseg.data.png_rows import SIGNATURE, chunk

_GRAY, _RGB, _PALETTE = 0, 2, 3
_NO_FILTER, _UP = 0, 2
_LEVEL = 3
"""Of compression: higher ones take several times as long over photographs and save little."""
_PIECE = 1 << 20


class PngWriter:
    """An open PNG that takes lines from top to bottom.

    Args:
        file: to write to.
        size: height and width of the picture.
        kind: what the lines are: uint8 [n,W] indices where there is a palette, else uint8 [n,W,3] RGB or
            uint16 [n,W] gray.
        palette: 256 colors, flat, of indices.
    """

    def __init__(
        self, file: IO[bytes], size: tuple[int, int], kind: str, palette: Sequence[int] | None = None
    ) -> None:
        self._file = file
        self._bits, color = {"index": (8, _PALETTE), "rgb": (8, _RGB), "gray16": (16, _GRAY)}[kind]
        # Neighbors in a photograph are alike, indices are not numbers that could be.
        self._filter = _NO_FILTER if kind == "index" else _UP
        self._packer = zlib.compressobj(_LEVEL)
        self._above: npt.NDArray[np.uint8] | None = None
        header = struct.pack(">IIBBBBB", size[1], size[0], self._bits, color, 0, 0, 0)
        file.write(SIGNATURE + chunk(b"IHDR", header))
        if palette is not None:
            file.write(chunk(b"PLTE", bytes(palette)))

    def write(self, lines: npt.NDArray[Any]) -> None:
        """Add lines; see the class."""
        stored = lines.astype(">u2") if self._bits == 16 else lines
        levels = np.ascontiguousarray(stored).reshape(len(lines), -1).view(np.uint8)
        rows = np.empty((len(levels), 1 + levels.shape[1]), np.uint8)
        rows[:, 0], rows[:, 1:] = self._filter, levels
        if self._filter == _UP:
            rows[1:, 1:] -= levels[:-1]
            if self._above is not None:
                rows[0, 1:] -= self._above
            self._above = levels[-1].copy()
        self._put(self._packer.compress(rows.tobytes()))

    def end(self) -> None:
        """Write what is left."""
        self._put(self._packer.flush())
        self._file.write(chunk(b"IEND", b""))

    def _put(self, packed: bytes) -> None:
        for start in range(0, len(packed), _PIECE):
            self._file.write(chunk(b"IDAT", packed[start : start + _PIECE]))


@contextmanager
def png_lines(
    path: Path, size: tuple[int, int], kind: str, palette: Sequence[int] | None = None
) -> Iterator[PngWriter]:
    """Yield a writer of a PNG that appears once all of its lines are written; see `PngWriter`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("wb") as file:
        writer = PngWriter(file, size, kind, palette)
        yield writer
        writer.end()
