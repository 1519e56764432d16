"""Signals while no step is going on: before a training, between two, after it; and what is told then."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mutualseg.engine.requeueing import job_id
from mutualseg.errors import Interrupted
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import resume_line


def stopping_signals() -> list[signal.Signals]:
    """Return the signals that stop a training in order: SIGINT, SIGTERM, and in a SLURM job SIGUSR1."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if job_id(os.environ) is not None and hasattr(signal, "SIGUSR1"):
        numbers.append(signal.SIGUSR1)
    return numbers


class LateSignal:
    """Receives signals outside trainings, and hears of one that came while a training was on.

    A signal during a run's last evaluation does not undo the run, but no further run must start.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._process = os.getpid()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Stop what is going on."""
        if os.getpid() != self._process:  # a copy of this process, which has inherited the handler
            if number != signal.SIGINT:
                os._exit(128 + number)
            return
        self.received = number
        raise Interrupted(signal.Signals(number).name)


class FirstSignal(LateSignal):
    """Stops on a signal, and lets what then goes on be done before it listens to more of them."""

    _PATIENCE_SECONDS = 5.0

    def __init__(self) -> None:
        super().__init__()
        self._until = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Stop what is going on, unless it has just been told to."""
        if time.monotonic() < self._until and os.getpid() == self._process:
            return
        self._until = time.monotonic() + self._PATIENCE_SECONDS
        super().__call__(number, frame)


@contextmanager
def signals_to(receiver: LateSignal) -> Iterator[None]:
    """Let a receiver have the stopping signals while the context is open; on the main thread alone."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in stopping_signals():
            before[number] = signal.signal(number, receiver)
    try:
        yield
    finally:
        give_back(before)


def give_back(handlers: Mapping[int, Any]) -> None:
    """Install the handlers of signals that were there before.

    None stands for one that was not installed from Python and cannot be again: the system's own answer is
    put there.
    """
    for number, handler in handlers.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def telling_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    """Let an interruption of a run's training say what is to be done next.

    Raises:
        Interrupted: in place of KeyboardInterrupt too, which waits for no checkpoint.
    """
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        stopped = error
        if not isinstance(stopped, Interrupted):
            stopped = Interrupted(signal.SIGINT.name)
            stopped.saved = False
        stopped.run = str(folder.root)
        command = resume_line(folder.root)
        if not folder.is_finished() and not folder.newest_checkpoint.is_file():
            stopped.advice = " before there was anything to save; start again"
            if folder.config.is_file():
                stopped.advice += f" with: {command}"
        elif not stopped.saved:
            stopped.advice = f" at once; continue from the last checkpoint with: {command}"
        raise stopped from None
