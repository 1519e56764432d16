"""One `compare` at a time in a folder: two would delete each other's runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualseg.occupied import hold

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
        hold(
            file.fileno(),
            f"Another compare is at work in --out {out}; let it end first, or name another --out.",
        )
        yield file.fileno()
