"""A progress bar over files, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mutualseg.terminal import shown
from mutualseg.wrapping import for_stream


class FileProgress:
    """Moves a bar where there is one, when it is called with (files done, files in all).

    It appears with the first call: often there is nothing to wait for.
    """

    def __init__(self, console: Console, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._console, self._bar, self._task = console, bar, task

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.start()
            self._bar.update(self._task, completed=done, total=total)

    def say(self, text: str) -> None:
        """Print one line, above the bar where there is one; nothing if quiet."""
        self._console.print(for_stream(shown(text), sys.stderr), markup=False)


@contextmanager
def file_progress(title: str, *, quiet: bool) -> Iterator[FileProgress]:
    """Yield what moves the bar; see `FileProgress`."""
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    if quiet or not console.is_terminal:
        yield FileProgress(console)
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    try:
        yield FileProgress(console, bar, bar.add_task("", total=None))
    finally:
        bar.stop()
