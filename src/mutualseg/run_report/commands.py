"""The commands that repeat a run and use its network, ready to be copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mutualseg.run_report.record import RunRecord
from mutualseg.shell_lines import resume_line, shell_line


class Command(NamedTuple):
    """One command and what it is for."""

    purpose: str
    text: str


def commands_of(record: RunRecord) -> list[Command]:
    """Return what can be done with a run, as the user would type it where the run was named as here."""
    root = record.root
    if record.summary is None:
        return [Command("go on with this run", resume_line(root))]
    found = [
        _train_again(record),
        Command("segment images", shell_line("predict", root, "photos/", "--out", "masks/")),
        Command("score it on val", shell_line("evaluate", root)),
        Command("make this report again", shell_line("report", root)),
        Command("export it as ONNX", shell_line("export", root, "--to", "onnx")),
    ]
    if record.split is not None and record.split.test:
        found.insert(
            3, Command("score it on the test part, once", shell_line("evaluate", root, "--split", "test"))
        )
    return found


def _train_again(record: RunRecord) -> Command:
    root, config = record.root, record.config
    teachers, method = config.get("teachers"), config.get("method")
    if not isinstance(teachers, Mapping) or not isinstance(method, Mapping):
        return Command(
            "train it again", shell_line("train", "--config", root / "config.yaml", "--out", again(root))
        )
    options = {name: config[name] for name in _OF_DISTILL} | {
        "teacher-weight": method["weight"],
        "temperature": method["temperature"],
        "threshold": method["threshold"],
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return Command("distill it again", shell_line("distill", teachers["run"], *words, "--out", again(root)))


_OF_DISTILL = ("encoder", "network", "weights", "steps", "seed", "batch", "crop", "device", "precision")
"""Settings that are options of `distill` of the same name."""


def with_twin(record: RunRecord) -> str:
    """Return the command that trains a run again beside its labels-only twin."""
    root = record.root
    return shell_line("train", "--config", root / "config.yaml", "--with-baseline", "--out", again(root))


def report_of(records: Sequence[RunRecord]) -> Command:
    """Return the command that makes the report of several runs again."""
    return Command("make this report again", shell_line("report", *(record.root for record in records)))


def again(root: Path) -> str:
    """Return a folder for a run that repeats another."""
    return f"{root}-again"
