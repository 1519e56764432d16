"""Tables of a run with one row for each of some steps, of which a resumed run writes the last ones again."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from mutualseg.atomic_files import faults_naming, sync_folder, write_text
from mutualseg.errors import RunError
from mutualseg.step_numbers import step_of


def append_row(path: Path, row: dict[str, float | int | str]) -> None:
    """Append one row to a CSV file; the first row sets the header.

    It is safe on the disk on return: a run that goes on from a later checkpoint does not make it again.
    """
    is_new = not path.is_file() or path.stat().st_size == 0
    with faults_naming(path), path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def cut_rows(path: Path, last_step: int) -> None:
    """Drop the rows of a CSV file that stand after a step: a resumed run writes them again.

    Raises:
        RunError: the file is no text.
    """
    if not path.is_file():
        return
    try:
        header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    except UnicodeDecodeError as error:
        raise RunError(_damaged(path)) from error
    if not header.endswith("\n"):  # a full disk or a crash cut it short: the first row sets it again
        path.unlink()
        return
    steps = [step_of(row.split(",", 1)[0]) for row in rows]
    # A row that a crash cut short is dropped too: it is the last, and written again.
    kept = [
        row
        for step, row in zip(steps, rows, strict=True)
        if row.endswith("\n") and step is not None and step <= last_step
    ]
    if len(kept) < len(rows):
        write_text(path, header + "".join(kept))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file; none if it is not there.

    Raises:
        RunError: it is no table.
    """
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise RunError(_damaged(path)) from error


def header_of(path: Path) -> list[str]:
    """Return the names of the columns of a CSV file; none if it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _damaged(path: Path) -> str:
    return f"'{path}' is damaged; restore it, or start the run anew with --overwrite."
