"""Many texts in one bytes object: a million file names without a million Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

_END = "\0"  # the one character, beside /, that no file name can hold
_AT_ONCE = 65536


class PackedTexts:
    """An immutable row of texts, each made when it is asked for.

    It is one bytes object and one array, so loader processes that are forked share its memory, and
    one that is spawned receives it as one block.

    Args:
        blob: the texts in UTF-8, each with a zero byte after it.
        offsets: where each text starts, and the blob's length, integers [N+1].
    """

    def __init__(self, blob: bytes, offsets: npt.NDArray[Any]) -> None:
        # Half the size where it is enough; numpy's indexing takes either.
        self.offsets = offsets.astype(np.uint32 if len(blob) < 2**32 else np.uint64)
        self.offsets.flags.writeable = False
        self.blob = blob

    @classmethod
    def pack(cls, texts: Iterable[str]) -> PackedTexts:
        """Pack texts; bytes of file names that are not UTF-8 stay what they are.

        Raises:
            ValueError: a text cannot be (a part of) a file name.
        """
        waiting = iter(texts)
        pieces = []
        # Piece by piece, so that the texts themselves never all exist at once.
        while piece := list(islice(waiting, _AT_ONCE)):
            pieces.append(f"{_END.join(piece)}{_END}".encode("utf-8", "surrogateescape"))
            if pieces[-1].count(0) != len(piece):
                raise ValueError("a text with a zero character is no file name; leave it out")
        blob = b"".join(pieces)
        ends = np.flatnonzero(np.frombuffer(blob, np.uint8) == 0)
        return cls(blob, np.concatenate(([0], ends + 1)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: int) -> str:
        """Return one text; places count from 0 to len - 1."""
        start, end = int(self.offsets[place]), int(self.offsets[place + 1])
        return self.blob[start : end - 1].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _AT_ONCE):
            last = min(first + _AT_ONCE, len(self))
            piece = self.blob[int(self.offsets[first]) : int(self.offsets[last]) - 1]
            yield from piece.decode("utf-8", "surrogateescape").split(_END)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.blob, self.offsets)

    @property
    def nbytes(self) -> int:
        """Return the bytes of memory that the texts take."""
        return len(self.blob) + self.offsets.nbytes

    def select(self, places: npt.NDArray[np.int64]) -> PackedTexts:
        """Return the texts at places, integers [M], in their order."""
        if not len(places):
            return PackedTexts.pack(())
        # Neighbors are copied together: most selections leave out a few texts only.
        breaks = np.flatnonzero(np.diff(places) != 1)
        starts = self.offsets[places[np.concatenate(([0], breaks + 1))]].tolist()
        ends = self.offsets[places[np.concatenate((breaks, [len(places) - 1]))] + 1].tolist()
        blob = b"".join([self.blob[start:end] for start, end in zip(starts, ends, strict=True)])
        sizes = np.diff(self.offsets.astype(np.int64))[places]
        return PackedTexts(blob, np.concatenate(([0], np.cumsum(sizes))))

    def __add__(self, other: PackedTexts) -> PackedTexts:
        shifted = other.offsets[1:].astype(np.int64) + len(self.blob)
        return PackedTexts(self.blob + other.blob, np.concatenate((self.offsets.astype(np.int64), shifted)))
