"""SIGINT and SIGTERM during a comparison, and what a user is told then."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from mutualseg.engine.late_signals import LateSignal, signals_to
from mutualseg.errors import Interrupted

_SAVED = "; what was trained is saved, so call the same command again to go on"
_LOST = (
    "; finished runs are kept, but what this run trained since its last checkpoint is lost; "
    "call the same command again to go on"
)


@contextmanager
def stopping_in_order(receiver: LateSignal) -> Iterator[None]:
    """Let signals stop the comparison in order, between runs too."""
    try:
        with signals_to(receiver):
            yield
    except Interrupted as stopped:
        stopped.advice = _SAVED if stopped.saved else _LOST
        raise
    except KeyboardInterrupt:  # a second one, during a step: it waits for no checkpoint
        hurried = Interrupted(signal.SIGINT.name)
        hurried.advice = _LOST
        raise hurried from None
