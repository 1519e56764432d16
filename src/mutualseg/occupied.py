"""One training at a time in a run folder: two would write into each other's files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualseg.errors import RunError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # Windows has none, and goes without the lock


def hold(descriptor: int, refusal: str) -> None:
    """Lock an open file or folder, as long as it is open, where the file system has locks.

    Raises:
        RunError: another process holds it; `refusal` says so.
    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(refusal) from None
        except OSError:  # a file system without locks
            pass


@contextmanager
def occupied(root: Path) -> Iterator[Callable[[], None]]:
    """Hold a run folder as long as the context lasts; the system lets go when the process ends.

    The folder itself is what is locked, so that nothing is left in it and emptying it changes nothing.

    Yields:
        To be called once the folder has been made, if it is not there yet.

    Raises:
        RunError: another process holds it.
    """
    held: list[int] = []

    def take() -> None:
        if fcntl is None or held or not root.is_dir():
            return
        held.append(os.open(root, os.O_RDONLY))
        hold(held[0], f"Another training is at work in {root}; let it end first, or name another folder.")

    try:
        take()
        yield take
    finally:
        for descriptor in held:
            os.close(descriptor)
