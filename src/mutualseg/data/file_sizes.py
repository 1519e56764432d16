"""Files that are read whole: refused before they fill the memory."""

from __future__ import annotations

from pathlib import Path

from mutualseg.errors import DataError
from mutualseg.machine import free_memory

JSON = 10
"""Bytes of memory that a byte of JSON takes as Python's objects, at its worst in usual files."""
NAMES = 20
"""Bytes of memory that a byte of a list of names takes, with what finds them."""


def refuse_larger_than_memory(path: Path, factor: int, kind: type[DataError] = DataError) -> None:
    """Raise an error for a file that will not fit into the memory that is free.

    Args:
        path: The file; one that is not there passes.
        factor: Bytes of memory for each of its bytes.
        kind: Class of the error.
    """
    free = free_memory()
    if free is None or not path.is_file():
        return
    needed = factor * path.stat().st_size
    if needed > free:
        raise kind(
            f"{path} has {path.stat().st_size / 2**20:.0f} MB, and to read it takes about "
            f"{needed / 2**30:.1f} GB of memory, more than the {free / 2**30:.1f} GB that are free; "
            "divide it, or use a larger machine."
        )
