"""Write a file so that a kill or a power loss leaves the old one or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL = ".partial"
_LONGEST_NAME = 255
"""Bytes of a file's name, on nearly every file system."""


def partial_of(path: Path) -> Path:
    """Return where a file is written before it takes its place: beside it, so that a rename suffices."""
    name = os.fsencode(path.name)
    if len(name) + len(_PARTIAL) > _LONGEST_NAME:  # a name as long as names may be has no room for more
        return path.with_name(f"{hashlib.sha256(name).hexdigest()}{_PARTIAL}")
    return path.with_name(f"{path.name}{_PARTIAL}")


@contextmanager
def replacing(path: Path, partial: Path | None = None, *, durable: bool = True) -> Iterator[Path]:
    """Yield a path to write to; then put what was written there in the file's place, safe on the disk.

    If that fails, nothing of it is left behind, and the file is what it was. A link in the file's place is
    replaced, and one in the place where it is written first is deleted: neither is ever followed.

    Args:
        path: The file that appears or changes once everything is written.
        partial: Where it is written first, in the same folder; `partial_of(path)` if not given.
        durable: Wait until it is safe on the disk, which takes milliseconds. Without, a power loss may leave
            nothing of what was written last, and a kill still leaves no half of it.

    Raises:
        OSError: It cannot be written; the error names the file.
    """
    partial = partial or partial_of(path)
    try:
        with faults_naming(path, partial):
            partial.unlink(missing_ok=True)
            yield partial
            if durable:
                sync(partial)
            partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def write_text(path: Path, text: str, *, errors: str = "strict") -> None:
    """Write a text file in UTF-8 (see `str.encode` for `errors`); an OSError of it names the file."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors=errors)


@contextmanager
def faults_naming(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Make every OSError name a file: those of writing and syncing name none, or a temporary one.

    Args:
        path: The file.
        partial: The temporary one; `partial_of(path)` if not given.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) == str(partial or partial_of(path)):
            error.filename = str(path)
        raise


def sync(path: Path) -> None:
    """Have the system put a file's content on the disk now."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the system put a folder's names on the disk now, where it can: some file systems cannot."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
