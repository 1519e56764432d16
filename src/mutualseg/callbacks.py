"""What happens beside the steps of a run: evaluation, records, checkpoints, the console, signals."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from mutualseg.errors import Interrupted
from mutualseg.evaluation.metrics import Scores
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.training import Training


class Evaluation(pl.Callback):
    """Score every network at regular steps and at the last one, and record it.

    Args:
        folder: where metrics.csv and timing.csv are.
        console: prints the scores.
        evaluate: returns the scores of every network.
        every: steps between evaluations.
        after: called with the step and the scores, once they are recorded.
    """

    def __init__(
        self,
        folder: RunFolder,
        console: RunConsole,
        *,
        evaluate: Callable[[], dict[str, Scores]],
        every: int,
        after: Callable[[int, dict[str, Scores]], None],
    ) -> None:
        self.folder = folder
        self.console = console
        self.evaluate = evaluate
        self.every = every
        self.after = after
        self.last_scores: dict[str, Scores] = {}
        self.training_seconds = 0.0
        self.evaluation_seconds = 0.0
        self._mark = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of training; drop records of steps after the checkpoint that is resumed."""
        for path in (self.folder.metrics, self.folder.timing):
            self.folder.cut_rows(path, trainer.global_step)
        self._mark = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate if it is due."""
        assert isinstance(pl_module, Training)
        step = trainer.global_step
        if step % self.every and step != pl_module.total_steps:
            return
        pl_module.check_finite()
        started = time.monotonic()
        self.training_seconds += started - self._mark
        self.last_scores = self.evaluate()
        self._mark = time.monotonic()
        self.evaluation_seconds += self._mark - started
        method = pl_module.method
        scored: dict[str, float | int | str] = {
            f"miou_{role}": round(score.miou, 4) for role, score in self.last_scores.items()
        }
        # The same columns at every evaluation: early steps of a method may keep no pseudo-labels yet.
        watched = {name: pl_module.latest.get(name) for name in ("loss", "kept")}
        row: dict[str, float | int | str] = {"step": step}
        row |= {name: "" if value is None else round(float(value), 6) for name, value in watched.items()}
        self.folder.append_row(self.folder.metrics, row | scored)
        self.folder.append_row(
            self.folder.timing,
            {
                "step": step,
                "training_seconds": round(self.training_seconds, 2),
                "evaluation_seconds": round(self.evaluation_seconds, 2),
            },
        )
        if trainer.logger is not None:
            trainer.logger.log_metrics({key: float(value) for key, value in scored.items()}, step=step)
        self.console.evaluation(step, self.last_scores, method.deployed)
        self.after(step, self.last_scores)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: the seconds spent so far."""
        now = time.monotonic()
        self.training_seconds += now - self._mark
        self._mark = now
        return {"training_seconds": self.training_seconds, "evaluation_seconds": self.evaluation_seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from a checkpoint."""
        self.training_seconds = float(state_dict["training_seconds"])
        self.evaluation_seconds = float(state_dict["evaluation_seconds"])


class Checkpoints(pl.Callback):
    """Keep the newest checkpoint and the one before; each is written aside and renamed.

    Args:
        folder: of the run.
        steps: save when this many steps have passed, or
        seconds: when this much time has.
    """

    def __init__(self, folder: RunFolder, *, steps: int | None, seconds: float | None) -> None:
        self.folder = folder
        self.steps = steps
        self.seconds = seconds
        self._last = time.monotonic()
        self._saved_step = -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is due."""
        due = self.steps is not None and trainer.global_step % self.steps == 0
        due |= self.seconds is not None and time.monotonic() - self._last >= self.seconds
        if due:
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the run."""
        self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint of this step, once."""
        if trainer.global_step == self._saved_step:
            return
        last, previous = self.folder.checkpoint, self.folder.previous_checkpoint
        partial = last.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if last.is_file():
            last.replace(previous)
        partial.replace(last)
        self._saved_step = trainer.global_step
        self._last = time.monotonic()


class ConsoleLines(pl.Callback):
    """Feed the progress bar and the logger."""

    def __init__(self, console: RunConsole, *, log_every: int = 20) -> None:
        self.console = console
        self.log_every = log_every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar."""
        assert isinstance(pl_module, Training)
        self.console.start(trainer.global_step, pl_module.total_steps)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show and log now and then: reading a loss waits for the device."""
        assert isinstance(pl_module, Training)
        step = trainer.global_step
        show = self.console.is_due() or step == 1
        log = trainer.logger is not None and step % self.log_every == 0
        if not (show or log):
            return
        pl_module.check_finite()
        values = {name: float(value) for name, value in pl_module.latest.items()}
        if log and trainer.logger is not None:
            trainer.logger.log_metrics(values, step=step)
        if show:
            self.console.advance(step, pl_module.total_steps, values)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Close the bar, also after an error."""
        self.console.stop()


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
        if self.received is not None:
            self.checkpoints.save(trainer)
            raise Interrupted(signal.Signals(self.received).name)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.received = number
