"""SIGINT and SIGTERM: the run stops after its step, saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from mutualseg.engine.agreement import any_process, may_ask
from mutualseg.engine.checkpoints import Checkpoints
from mutualseg.engine.training import Training
from mutualseg.errors import Interrupted


class LateSignal:
    """Receives signals outside trainings, and hears of one that came while a training was on.

    A signal during a run's last evaluation does not undo the run, but no further run must start.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Stop what is going on."""
        self.received = number
        raise Interrupted(signal.Signals(number).name)


@contextmanager
def signals_to(receiver: LateSignal) -> Iterator[None]:
    """Let a receiver have both signals while the context is open; on the main thread alone."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, receiver)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Signals(pl.Callback):
    """Finish the step, save and stop on SIGINT and SIGTERM; a second SIGINT stops at once.

    Args:
        checkpoints: saves.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take over the two signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take them back from the trainer, whose own handler would leave without saving."""
        for number in self._before:
            signal.signal(number, self._receive)

    def restore(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and leave, if a signal came during the step."""
        assert isinstance(pl_module, Training)
        if not pl_module.is_between_steps or not may_ask(trainer.global_step, pl_module.device):
            return
        if any_process(self.received is not None, pl_module.device):
            self.checkpoints.save(trainer)
            raise Interrupted(signal.Signals(self.received or signal.SIGTERM).name)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.received = number
        before = self._before.get(number)
        if isinstance(before, LateSignal):
            before.received = number
