"""Decoded images kept between epochs, in memory or in a file, shared by the loaders of one process."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Place = Literal["memory", "file"]

_HEADER = struct.Struct("<5i")
"""Number of dimensions, then up to three sizes, then which of `_TYPES`. A place that was never written reads
as zeros."""
_TYPES = (np.dtype(np.uint8), np.dtype(np.float32))

Array = npt.NDArray[Any]


class DecodedImages:
    """A store of uint8 and float32 arrays under numbers, which processes that fork off share.

    One sparse file without a name, with a place of equal length for every array: where an array is follows
    from its number, so there is no index, and no lock: an array's header is written after its pixels, and
    two processes that decode the same image write the same bytes. The system takes the file back when the
    last process ends, however it ends.

    Args:
        count: numbers are 0 to count - 1.
        largest: bytes of the largest array that is kept; others are decoded every time.
        budget: bytes that all may take together; what comes later is decoded every time.
        where: `memory`, or a temporary `file` that the system holds in memory while there is room.
    """

    def __init__(self, count: int, *, largest: int, budget: int, where: Place = "memory") -> None:
        self._length = _whole_pages(_HEADER.size + largest)
        self.budget = budget
        self._file = _memory_file() if where == "memory" else _temporary_file()
        os.ftruncate(self._file, count * self._length)

    def read(self, number: int, decode: Callable[[], Array]) -> Array:
        """Return the array of a number: the one that is kept, or else `decode()`, which is kept if it fits.

        Errors of `decode` pass through, and nothing is kept.
        """
        start = number * self._length
        kept = self._kept(start)
        if kept is not None:
            return kept
        array = decode()
        if self._file >= 0 and _HEADER.size + array.nbytes <= self._length:
            self._keep(array, start)
        return array

    def close(self) -> None:
        """Give the space back; from now on everything is decoded."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _kept(self, start: int) -> Array | None:
        if self._file < 0:
            return None
        try:
            dimensions, *shape, kind = _HEADER.unpack(os.pread(self._file, _HEADER.size, start))
            if not dimensions or not all(shape[:dimensions]):
                return None
            kept = np.empty(shape[:dimensions], _TYPES[kind])
            complete = os.preadv(self._file, [_bytes(kept)], start + _HEADER.size) == kept.nbytes
        except (OSError, struct.error, IndexError):  # a store that cannot be read is as good as none
            return None
        return kept if complete else None

    @property
    def taken(self) -> int:
        """Bytes that the arrays take so far."""
        return os.fstat(self._file).st_blocks * 512

    def _keep(self, array: Array, start: int) -> None:
        if self.taken + _whole_pages(_HEADER.size + array.nbytes) > self.budget:
            return
        shape = (*array.shape, 0, 0)[:3]
        try:
            written = os.pwrite(self._file, _bytes(np.ascontiguousarray(array)), start + _HEADER.size)
            if written == array.nbytes:
                os.pwrite(self._file, _HEADER.pack(array.ndim, *shape, _TYPES.index(array.dtype)), start)
        except OSError:  # no space left: what is kept stays, the rest is decoded
            self.budget = 0

    def __getstate__(self) -> dict[str, object]:
        # A process that is not forked opens the file through the one that has it.
        return {**self.__dict__, "_file": f"/proc/{os.getpid()}/fd/{self._file}"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__ |= state
        self._file = os.open(str(state["_file"]), os.O_RDWR)

    def __del__(self) -> None:
        if isinstance(getattr(self, "_file", None), int):
            self.close()


def can_share() -> bool:
    """Whether this system has what the store is made of (Linux)."""
    return hasattr(os, "memfd_create") and hasattr(os, "preadv") and Path("/proc/self/fd").is_dir()


def _bytes(array: Array) -> memoryview:
    """Return the bytes of a contiguous array, which may have no element."""
    return array.reshape(-1).view(np.uint8).data


def _memory_file() -> int:
    return os.memfd_create("decoded images", os.MFD_CLOEXEC)


def _temporary_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _whole_pages(size: int) -> int:
    page = 4096
    return -(-size // page) * page
