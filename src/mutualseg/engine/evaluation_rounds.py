"""Score every network now and then, and record it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from mutualseg.engine.agreement import is_leader
from mutualseg.engine.collapse_guard import CollapseGuard
from mutualseg.engine.event_file import has_event
from mutualseg.engine.tracking.run_logger import RunLogger
from mutualseg.engine.training import Training
from mutualseg.errors import UnusableFileError
from mutualseg.evaluation.metrics import Scores
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.step_rows import append_row, cut_rows

_WATCHED = ("loss", "kept")
"""What is recorded of the latest step beside the scores."""


class Evaluation(NamedTuple):
    """What one look at the val images found."""

    scores: dict[str, Scores]
    """By role."""
    monitor: dict[str, float | None]
    """Numbers about pseudo-labels by name, in percent."""


class EvaluationRounds(pl.Callback):
    """Score every network at regular steps and at the last one, and record it.

    Args:
        folder: where metrics.csv, monitor.csv and timing.csv are.
        console: prints the scores.
        classes: names in index order.
        evaluate: returns the scores of every network, and what the monitor saw.
        every: steps between evaluations.
        before: called before anything is recorded; may refuse.
        after: called with the step and the scores, once they are recorded.
        guard: judges each evaluation; it may put other weights into the networks.
    """

    def __init__(
        self,
        folder: RunFolder,
        console: RunConsole,
        *,
        classes: Sequence[str],
        evaluate: Callable[[], Evaluation],
        every: int,
        before: Callable[[], None],
        after: Callable[[int, dict[str, Scores]], None],
        guard: CollapseGuard,
    ) -> None:
        self.folder = folder
        self.console = console
        self.classes = classes
        self.evaluate = evaluate
        self.every = every
        self.before = before
        self.after = after
        self.guard = guard
        self.latest: Evaluation | None = None
        self.training_seconds = 0.0
        self.evaluation_seconds = 0.0
        self._mark = 0.0
        self._due: dict[str, float | None] | None = None
        """What the record of an evaluation holds beside its scores, once it failed; else None."""
        self._is_judged = False
        """Whether it failed after the guard had judged it, and perhaps rolled back: that is done once."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of training."""
        self._mark = time.monotonic()
        assert isinstance(pl_module, Training)
        self.make_up(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate if it is due."""
        assert isinstance(pl_module, Training)
        step = trainer.global_step
        if not pl_module.is_between_steps or (step % self.every and step != pl_module.total_steps):
            return
        pl_module.check_finite()
        started = time.monotonic()
        self.training_seconds += started - self._mark
        self._evaluate(started, trainer, pl_module)

    def make_up(self, trainer: pl.Trainer, training: Training, device: str | None = None) -> None:
        """Evaluate, on a device, if a file could not be used when this step was to be evaluated."""
        if self._due is None:
            return
        if device is not None:  # the trainer is done, and gave the device back
            training.to(device)
        if is_leader():
            for path in (self.folder.metrics, self.folder.monitor, self.folder.timing):
                cut_rows(path, trainer.global_step - 1)
        known = {name: value for name, value in self._due.items() if value is not None}
        training.latest |= {
            name: torch.tensor(value, dtype=torch.float64, device="cpu") for name, value in known.items()
        }
        self._evaluate(time.monotonic(), trainer, training)

    def _evaluate(self, started: float, trainer: pl.Trainer, training: Training) -> None:
        step = trainer.global_step
        is_last = step == training.total_steps
        try:
            self.latest = self.evaluate()
            if is_last and not self._is_judged:
                is_changed = self.guard.look(step, self.latest.monitor, trainer)
                self._is_judged = True
                if is_changed:
                    self.latest = self.evaluate()  # what is reported at the end is what is deployed
        except UnusableFileError:
            latest = {name: training.latest.get(name) for name in _WATCHED}
            self._due = {name: None if value is None else float(value) for name, value in latest.items()}
            self._mark = time.monotonic()
            raise
        is_made_up = self._due is not None
        self._due, self._is_judged = None, False
        self._mark = time.monotonic()
        self.evaluation_seconds += self._mark - started
        if is_leader():
            self.before()
            self._record(self.latest, trainer, training, is_made_up=is_made_up)
        if not is_last:  # what is recorded within a run are the networks that were found
            self.guard.look(step, self.latest.monitor, trainer)

    def _record(
        self, found: Evaluation, trainer: pl.Trainer, pl_module: Training, *, is_made_up: bool
    ) -> None:
        step, method = trainer.global_step, pl_module.method
        scored: dict[str, float | int | str] = {
            f"miou_{role}": round(score.miou, 4) for role, score in found.scores.items()
        }
        # The same columns at every evaluation: early steps of a method may keep no pseudo-labels yet.
        watched = {name: pl_module.latest.get(name) for name in _WATCHED}
        row: dict[str, float | int | str] = {"step": step}
        row |= {name: "" if value is None else round(float(value), 6) for name, value in watched.items()}
        append_row(self.folder.metrics, row | scored)
        watched_over = {name: "" if value is None else value for name, value in found.monitor.items()}
        append_row(self.folder.monitor, {"step": step, **watched_over})
        append_row(
            self.folder.timing,
            {
                "step": step,
                "training_seconds": round(self.training_seconds, 2),
                "evaluation_seconds": round(self.evaluation_seconds, 2),
            },
        )
        # A run that was killed after making up for it, and before its next checkpoint, has the events.
        has_events = is_made_up and has_event(self.folder.root, step, f"miou_{method.deployed}")
        if isinstance(trainer.logger, RunLogger) and not has_events:
            per_class = zip(self.classes, found.scores[method.deployed].per_class, strict=True)
            known = {f"iou_{method.deployed}/{name}": iou for name, iou in per_class if iou is not None}
            known |= {f"monitor/{name}": v for name, v in found.monitor.items() if v is not None}
            trainer.logger.log_scores({key: float(value) for key, value in scored.items()} | known, step=step)
        self.console.evaluation(step, found.scores, method.deployed)
        self.after(step, found.scores)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: the seconds spent so far."""
        now = time.monotonic()
        self.training_seconds += now - self._mark
        self._mark = now
        seconds = {"training_seconds": self.training_seconds, "evaluation_seconds": self.evaluation_seconds}
        return seconds if self._due is None else {**seconds, "due": self._due, "judged": self._is_judged}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from a checkpoint."""
        self.training_seconds = float(state_dict["training_seconds"])
        self.evaluation_seconds = float(state_dict["evaluation_seconds"])
        self._due = state_dict.get("due")
        self._is_judged = bool(state_dict.get("judged", False))
