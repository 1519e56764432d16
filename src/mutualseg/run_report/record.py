"""What a run folder says of its run, read without the data and without a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutualseg.data.file_names import printable
from mutualseg.data.split_file import SplitCounts, count_split
from mutualseg.engine.summary import counted_network
from mutualseg.errors import MutualSegError, RunError
from mutualseg.run_report.event_curves import Curves, read_curves
from mutualseg.runs import RunFolder
from mutualseg.skipped_list import read_skipped
from mutualseg.step_rows import read_rows

Rows = Sequence[Mapping[str, float | None]]
"""One row per evaluation, finite numbers by column; None where there was nothing to count."""


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder has it."""

    root: Path
    name: str
    """What the report calls it: its folder's name, or more of the path where two have the same."""
    config: Mapping[str, Any]
    config_lines: tuple[str, ...]
    classes: tuple[str, ...]
    split: SplitCounts | None
    """None where split.json cannot be read."""
    summary: Mapping[str, Any] | None
    """None as long as the run is not finished."""
    metrics: Rows
    monitor: Rows
    curves: Curves
    """What was logged while it trained."""
    skipped: tuple[str, ...] = ()
    """Reasons why images were left out."""
    twin: RunRecord | None = field(default=None, repr=False)
    """The labels-only run of `--with-baseline`, as far as it is."""

    @property
    def folder(self) -> RunFolder:
        """Paths of the run."""
        return RunFolder(self.root)

    @property
    def method(self) -> str:
        """Name of the method."""
        method = self.config.get("method")
        return str(method.get("name", "?") if isinstance(method, Mapping) else method)

    @property
    def deployed(self) -> str:
        """Role of the deployed network."""
        return str((self.summary or {}).get("deployed", "teacher_a"))

    @property
    def last_step(self) -> int:
        """The last step of which there is a record; 0 if there is none."""
        steps = [int(row["step"] or 0) for row in self.metrics]
        steps += [points[-1][0] for points in self.curves.values() if points]
        return max(steps, default=0)


def read_record(root: Path, name: str | None = None) -> RunRecord:
    """Return what a run folder says; of an unfinished run what there is.

    Args:
        root: the folder.
        name: what the report calls it; the folder's own name if not given.

    Raises:
        RunError: it is no run folder, or a file of it is damaged.
    """
    folder = RunFolder(root)
    config = folder.read_config()
    summary = folder.read_summary() if folder.is_finished() else None
    try:
        split: SplitCounts | None = count_split(folder.split)
    except MutualSegError:
        split = None
    classes = folder.read_classes()
    if not classes and summary is not None:
        classes = tuple(summary.get("per_class_iou", ()))
    has_twin = RunFolder(folder.baseline).config.is_file()
    return RunRecord(
        root=root,
        name=name or printable(root.absolute().name),
        config=config,
        config_lines=tuple(folder.config.read_text(encoding="utf-8", errors="replace").splitlines()),
        classes=classes,
        split=split,
        summary=summary,
        metrics=_numbers(folder.metrics),
        monitor=_numbers(folder.monitor),
        curves=read_curves(root),
        skipped=tuple(row.skipped.reason for row in read_skipped(folder.skipped)),
        twin=read_record(folder.baseline, "labels only") if has_twin else None,
    )


def counted_role(record: RunRecord) -> str:
    """Return the network of a run that counts beside others: see `engine.summary.counted_network`."""
    networks = (record.summary or {}).get("networks")
    if record.method == "labels_only" and isinstance(networks, Mapping):
        return counted_network("labels_only", networks, record.deployed)
    return record.deployed


def _numbers(path: Path) -> Rows:
    """Return the rows of a table that have a step; a last one that a kill cut short has fewer numbers."""
    found = []
    for row in read_rows(path):
        numbers = {name: _number(value, path) for name, value in row.items() if isinstance(name, str)}
        if numbers.get("step") is not None:
            found.append(numbers)
    return found


def _number(text: str | None, path: Path) -> float | None:
    """Return a number of a table; None where there is none, or one that is not finite."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise RunError(f"'{path}' holds '{printable(text)[:40]}' in place of a number; restore it.") from None
    return number if math.isfinite(number) else None
