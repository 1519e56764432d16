"""skipped.csv: the files that a run left out, with the reason, on disk."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mutualseg.atomic_files import faults_naming, replacing
from mutualseg.data.skipping import SkippedFile
from mutualseg.errors import RunError
from mutualseg.step_numbers import step_of

_COLUMNS = ("file", "part", "reason", "step")


class SkippedRow(NamedTuple):
    """One file that was skipped, and when."""

    skipped: SkippedFile
    step: int
    """The step that would have used it; 0 for a file that was left out before the run."""


def read_skipped(path: Path) -> list[SkippedRow]:
    """Return the rows of skipped.csv, each file once; none if it is not there.

    The last row may have been cut short by a kill: it is left out, and found again.

    Raises:
        RunError: it is no table.
    """
    if not path.is_file():
        return []
    text = path.read_bytes().decode("utf-8", "replace")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    except csv.Error as error:
        raise RunError(f"'{path}' is damaged; restore it, or start the run anew with --overwrite.") from error
    if lines and not text.endswith("\n"):
        lines.pop()
    found: dict[tuple[str, str], SkippedRow] = {}
    for line in lines[1:]:
        step = step_of(line[3]) if len(line) == len(_COLUMNS) else None
        if step is not None:
            file = SkippedFile(*line[:3])
            found.setdefault((file.part, file.file), SkippedRow(file, step))
    return list(found.values())


def write_skipped(path: Path, rows: Sequence[SkippedRow]) -> None:
    """Write skipped.csv whole; a kill leaves the old file or the new one."""
    with replacing(path) as partial:
        partial.write_bytes(_text([_COLUMNS]) + _text(_line(row) for row in rows))


def append_skipped(path: Path, rows: Sequence[SkippedRow]) -> None:
    """Append rows to a skipped.csv that is there; an OSError names it."""
    with faults_naming(path), path.open("ab") as file:
        file.write(_text(_line(row) for row in rows))
        file.flush()
        os.fsync(file.fileno())


def _line(row: SkippedRow) -> tuple[str, str, str, int]:
    return (*row.skipped, row.step)


def _text(lines: Iterable[Sequence[str | int]]) -> bytes:
    held = io.StringIO(newline="")
    for line in lines:
        # Of itself the writer quotes no carriage return that is not part of its line ends.
        has_return = any("\r" in str(value) for value in line)
        csv.writer(
            held, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL
        ).writerow(line)
    return held.getvalue().encode("utf-8", "backslashreplace")
