"""What a run says while it works: a progress bar on a terminal, plain lines elsewhere, nothing if quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from mutualseg.evaluation.metrics import Scores
from mutualseg.terminal import shown
from mutualseg.wrapping import for_stream

_LINE_EVERY_SECONDS = 30.0


class RunConsole:
    """Prints to standard error, so that standard output stays for results.

    Args:
        quiet: say nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._last_line = time.monotonic()
        self._started = time.monotonic()
        self._start_step = 0

    def say(self, text: str) -> None:
        """Print one sentence, whatever names of files are in it."""
        self.console.print(for_stream(shown(text), sys.stderr), markup=False)

    def start(self, step: int, total: int) -> None:
        """Open the progress bar at a step."""
        self._started = time.monotonic()
        self._start_step = step
        if self.console.is_terminal and not self.console.quiet:
            fixed = Column(no_wrap=True)
            self._bar = Progress(
                BarColumn(bar_width=8, table_column=fixed),
                MofNCompleteColumn(table_column=fixed),
                TimeRemainingColumn(compact=True, table_column=fixed),
                # The losses give way on a narrow terminal, not the time left.
                TextColumn(
                    "{task.fields[shown]}",
                    markup=False,
                    table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
                ),
                console=self.console,
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total, completed=step, shown="")

    def is_due(self) -> bool:
        """Whether a progress line should be made now; reading losses off a device has a cost."""
        interval = 1.0 if self._bar is not None else _LINE_EVERY_SECONDS
        return not self.console.quiet and time.monotonic() - self._last_line >= interval

    def advance(self, step: int, total: int, values: Mapping[str, float]) -> None:
        """Show a step and its losses by name, and the share of pseudo-labels kept."""
        self._last_line = time.monotonic()
        # Disagreements are for TensorBoard: a line has 80 columns.
        shown = " ".join(_short(name, value) for name, value in values.items() if "disagree" not in name)
        if self._bar is not None:
            self._bar.update(self._task, completed=step, shown=shown)
            return
        done = max(step - self._start_step, 1)
        left = (time.monotonic() - self._started) / done * (total - step)
        self.say(f"step {step}/{total}, {left / 60:.1f} min left: {shown}")

    def stop(self) -> None:
        """Close the progress bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def evaluation(self, step: int, scores: Mapping[str, Scores], deployed: str) -> None:
        """Print the mIoU of every network, the deployed one marked."""
        groups = []
        for kind, roles in groupby(scores, lambda role: role.rpartition("_")[0]):
            members = [
                f"{role.rpartition('_')[2]}{'*' if role == deployed else ''} {scores[role].miou:.1f}"
                for role in roles
            ]
            groups.append(f"{kind} {' '.join(members)}".removeprefix("teachers").strip())
        self.say(f"step {step}: val mIoU {', '.join(groups)}")

    def per_class(self, classes: Mapping[str, float | None], title: str) -> None:
        """Print a table of IoU per class."""
        # Text, since a table would take [brackets] in a name for its own markup.
        table = Table(title=Text(shown(title)), title_justify="left")
        table.add_column("class")
        table.add_column("IoU %", justify="right")
        for name, value in classes.items():
            table.add_row(Text(shown(name)), "absent" if value is None else f"{value:.1f}")
        self.console.print(table)


_SHORT = {"supervised_a": "sup", "supervised_b": "", "supervised": "sup"}
"""The second student's loss stands behind the first one's, without a name."""


def _short(name: str, value: float) -> str:
    return f"kept {value:.0%}" if name == "kept" else f"{_SHORT.get(name, name)} {value:.2f}".lstrip()
