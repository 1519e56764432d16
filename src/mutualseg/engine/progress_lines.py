"""Losses on the console and in TensorBoard, read off the device only now and then."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl

from mutualseg.engine.training import Training
from mutualseg.reporting.console import RunConsole

_LOG_EVERY = 20
_LEAST_POINTS, _MOST_POINTS = 20, 5000


def steps_between_points(total_steps: int) -> int:
    """Return how many steps lie between two points of a curve: 20 but in short runs and in very long ones."""
    usual = max(1, min(_LOG_EVERY, total_steps // _LEAST_POINTS))
    return max(usual, -(-total_steps // _MOST_POINTS))


class ProgressLines(pl.Callback):
    """Feed the progress bar and the logger."""

    def __init__(self, console: RunConsole) -> None:
        self.console = console

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        assert isinstance(pl_module, Training)
        self.console.start(trainer.global_step, pl_module.total_steps)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show and log now and then: reading a loss waits for the device."""
        assert isinstance(pl_module, Training)
        if not pl_module.is_between_steps:
            return
        step = trainer.global_step
        show = self.console.is_due() or step == 1
        log = trainer.logger is not None and step % steps_between_points(pl_module.total_steps) == 0
        if not (show or log):
            return
        pl_module.check_finite()
        values = {name: float(value) for name, value in pl_module.latest.items()}
        if log and trainer.logger is not None:
            # TensorBoard warns of others on the terminal, where the skipped step was named already.
            finite = {name: value for name, value in values.items() if math.isfinite(value)}
            trainer.logger.log_metrics(finite, step=step)
        if show:
            self.console.advance(step, pl_module.total_steps, values)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar."""
        self.console.stop()
