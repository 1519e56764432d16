"""One `compare` at a time in a folder: two would delete each other's runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualseg.errors import RunError

try:
    import fcntl
except ImportError:  # Windows goes without
    fcntl = None  # type: ignore[assignment]  # Windows has none, and goes without the lock

LOCK = ".lock"
"""Stays in the folder: deleting it would let two processes hold two files of one name."""


@contextmanager
def locked(out: Path) -> Iterator[int]:
    """Hold a comparison's folder, made if it is not there; the system lets go when the process ends.

    Yields:
        The lock's descriptor; a process that is given it holds the folder too.

    Raises:
        RunError: another process holds it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Another compare is at work in --out {out}; let it end first, or name another --out."
                ) from None
            except OSError:  # a file system without locks
                pass
        yield file.fileno()
