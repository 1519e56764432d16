"""Which run is being trained, for the case that the system kills the whole comparison with it.

A run that the memory killer ends takes `compare` along. Were the same run the first of the next call too, the
others would never have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualseg.atomic_files import write_text

_MARK = ".training"


@contextmanager
def in_hand(out: Path, place: str) -> Iterator[None]:
    """Mark a run, a folder below `out`, as the one being trained; only a kill leaves the mark."""
    mark = out / _MARK
    write_text(mark, place)
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def killed_run(out: Path) -> str | None:
    """Return the run with which an earlier call was killed."""
    mark = out / _MARK
    return mark.read_text(encoding="utf-8") if mark.is_file() else None


def forget_killed(out: Path) -> None:
    """Take the mark away, for a call in which no run can take the others along."""
    (out / _MARK).unlink(missing_ok=True)
