"""The commands that repeat a run and use its network, ready to be copied."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mutualseg.run_report.record import RunRecord


class Command(NamedTuple):
    """One command and what it is for."""

    purpose: str
    text: str


def commands_of(record: RunRecord) -> list[Command]:
    """Return what can be done with a run, as the user would type it where the run was named as here."""
    root = record.root
    if record.summary is None:
        return [Command("go on with this run", _line("train", "--resume", root))]
    found = [
        Command("train it again", _line("train", "--config", root / "config.yaml", "--out", again(root))),
        Command("segment images", _line("predict", root, "photos/", "--out", "masks/")),
        Command("score it on val", _line("evaluate", root)),
        Command("make this report again", _line("report", root)),
        Command("export it as ONNX", _line("export", root, "--to", "onnx")),
    ]
    if record.split is not None and record.split.test:
        found.insert(
            3, Command("score it on the test part, once", _line("evaluate", root, "--split", "test"))
        )
    return found


def with_twin(record: RunRecord) -> str:
    """Return the command that trains a run again beside its labels-only twin."""
    root = record.root
    return _line("train", "--config", root / "config.yaml", "--with-baseline", "--out", again(root))


def report_of(records: Sequence[RunRecord]) -> Command:
    """Return the command that makes the report of several runs again."""
    return Command("make this report again", _line("report", *(record.root for record in records)))


def again(root: Path) -> str:
    """Return a folder for a run that repeats another."""
    return f"{root}-again"


def _line(verb: str, *words: str | Path) -> str:
    return f"mutualseg {verb} {shlex.join(map(str, words))}"
