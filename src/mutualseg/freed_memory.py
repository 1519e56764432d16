"""Freed memory that stays with the process for the time of a training on CPUs.

Every step frees and asks for the same gigabytes. The C library returns large freed blocks to the system,
which then has to map and clear each page again: up to a tenth of a step's time.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# The parameters' numbers in glibc's malloc.h, and what it starts with.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = -1
_USUAL_MMAP_MAX = 65536
_USUAL_THRESHOLD = 32 * 2**20
"""Where glibc's thresholds come to lie by themselves once large blocks have been freed."""

_USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


@contextmanager
def freed_memory_kept(device: str) -> Iterator[None]:
    """Keep what is freed while the context is open, and give it back to the system afterwards.

    What is kept is the most that was ever in use at once. Contexts do not nest. Does nothing where there is
    nothing to gain or to set: on another device than `cpu`, without glibc, or where the user's environment
    has set the allocator up.

    Args:
        device: where the work is computed.
    """
    if device != "cpu" or not _can_be_told():
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    library.mallopt(_MMAP_MAX, 0)  # no block of its own for a large tensor: unmapping it would give it back
    try:
        yield
    finally:
        give_freed_memory_back()


def give_freed_memory_back() -> None:
    """Return to what is usual, in a process that was forked while the context was open too."""
    if _can_be_told():
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_MAX, _USUAL_MMAP_MAX)
        library.mallopt(_MMAP_THRESHOLD, _USUAL_THRESHOLD)
        library.mallopt(_TRIM_THRESHOLD, 2 * _USUAL_THRESHOLD)
        library.malloc_trim(0)


def _can_be_told() -> bool:
    owned = any(name in os.environ for name in _USERS_OWN)
    return platform.libc_ver()[0] == "glibc" and not owned
