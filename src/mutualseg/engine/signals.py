"""SIGINT, SIGTERM and SLURM's SIGUSR1: the run stops after its step, saved."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from mutualseg.engine.agreement import any_process, may_ask
from mutualseg.engine.checkpoints import Checkpoints
from mutualseg.engine.late_signals import LateSignal, give_back, stopping_signals
from mutualseg.engine.training import Training
from mutualseg.errors import Interrupted


class Signals(pl.Callback):
    """Finish the step, save and stop on a signal; a second SIGINT stops at once.

    In a SLURM job SIGUSR1 says that the time is nearly up. The trainer's own answer to it would save in the
    middle of a step, to a place of its own.

    Args:
        checkpoints: saves.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints
        self.received: int | None = None
        self._process = os.getpid()
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Take over the signals; one whose stop was swallowed on the way here is not forgotten."""
        for number in stopping_signals():
            before = signal.signal(number, self._receive)
            self._before[number] = before
            if isinstance(before, LateSignal) and before.received is not None:
                self.received = before.received

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take them back from the trainer, whose own handler would leave without saving."""
        for number in self._before:
            signal.signal(number, self._receive)

    def restore(self) -> None:
        """Give the signals back."""
        give_back(self._before)

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
        if os.getpid() != self._process:  # a loader process that has only just been forked
            return
        if self.received == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.received = number
        before = self._before.get(number)
        if isinstance(before, LateSignal):
            before.received = number
