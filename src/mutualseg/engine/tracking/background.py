"""A tracker that a thread of its own works for: steps never wait for a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

from mutualseg.engine.tracking.tracker import Ending, Tracker

_MOST_WAITING = 10_000


class Background:
    """Do what a tracker does, later, in the order it was asked for.

    What goes wrong there is raised by the next call here, and nothing more is done then.

    Args:
        tracker: does it; begun already.
        seconds: how long the end waits for what is left.
    """

    def __init__(self, tracker: Tracker, *, seconds: float = 60.0) -> None:
        self._tracker = tracker
        self._seconds = seconds
        self._waiting: Queue[Callable[[], None] | None] = Queue(_MOST_WAITING)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="tracker", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    task()
                except Exception as error:
                    self._error = error

    def _ask(self, task: Callable[[], None] | None) -> None:
        if self._error is not None:
            raise self._error
        self._waiting.put_nowait(task)

    def losses(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""
        self._ask(partial(self._tracker.losses, dict(values), step))

    def scores(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""
        self._ask(partial(self._tracker.scores, dict(values), step))

    def picture(self, name: str, path: Path, step: int) -> None:
        """See `Tracker`."""
        self._ask(partial(self._tracker.picture, name, path, step))

    def summary(self, summary: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        self._ask(partial(self._tracker.summary, dict(summary)))

    def close(self, ending: Ending) -> None:
        """Wait until everything is done, for a while at most.

        Raises:
            TimeoutError: it is not done by then.
        """
        self._ask(partial(self._tracker.close, ending))
        self._ask(None)
        self._thread.join(self._seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"not all was sent within {self._seconds:.0f} seconds")
        if self._error is not None:
            raise self._error
