"""`--logger csv`: losses.csv, one row for each step that is recorded."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from mutualseg.atomic_files import write_text
from mutualseg.engine.tracking.tracker import Ending
from mutualseg.step_rows import append_row, header_of, read_rows


class LossesTable:
    """Losses by step in a CSV file; scores and pictures have files of their own in every run.

    A method computes more losses later in a run than at its start. A column is added when its name first
    comes; rows before it are empty there.

    Args:
        path: of the table, which is gone on with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[str] | None = None

    def losses(self, values: Mapping[str, float], step: int) -> None:
        """Append a row.

        Raises:
            OSError: it cannot be written.
        """
        row: dict[str, float | int | str] = {"step": step}
        row |= {name: f"{value:.6g}" for name, value in values.items()}
        before = self._columns_before()
        columns = [*before, *(name for name in row if name not in before)]
        if before and len(columns) > len(before):
            self._widen(columns)
        append_row(self._path, {name: row.get(name, "") for name in columns})
        self._columns = columns

    def _columns_before(self) -> list[str]:
        if self._columns is None:  # only now: a run that goes on has cut its rows meanwhile
            self._columns = header_of(self._path)
        return self._columns

    def _widen(self, columns: list[str]) -> None:
        text = StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(read_rows(self._path))
        write_text(self._path, text.getvalue())

    def scores(self, values: Mapping[str, float], step: int) -> None:
        """Do nothing: they are in metrics.csv and monitor.csv."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """Do nothing: it is a file already."""

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Do nothing: it is in summary.json."""

    def close(self, ending: Ending) -> None:
        """Do nothing: every row is on the disk."""
