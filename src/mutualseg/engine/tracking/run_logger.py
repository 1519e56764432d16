"""What a run records elsewhere: handed to every logger that was asked for, of which none may stop it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from mutualseg.engine.event_file import EventFile
from mutualseg.engine.tracking.background import Background
from mutualseg.engine.tracking.choices import CSV, MLFLOW, TENSORBOARD, WANDB
from mutualseg.engine.tracking.losses_table import LossesTable
from mutualseg.engine.tracking.mlflow_run import MlflowRun
from mutualseg.engine.tracking.tracker import Ending, Tracker
from mutualseg.engine.tracking.weights_and_biases import WeightsAndBiases
from mutualseg.one_line import one_line
from mutualseg.runs import RunFolder


class RunLogger(Logger):
    """TensorBoard's event file and the trackers of a run.

    The event file is the run's own, as metrics.csv is: if it cannot be written the run stops, saved. A
    tracker that fails is left out for the rest of the training, and one line says so.

    Args:
        folder: of the run.
        loggers: words of `--logger`.
        say: tells the user one line.
        leads: whether this process records; of several only one does.
    """

    def __init__(
        self, folder: RunFolder, loggers: Sequence[str], say: Callable[[str], None], *, leads: bool
    ) -> None:
        super().__init__()
        self.folder = folder
        self._say = say
        self._wanted = tuple(loggers) if leads else ()
        self._events = EventFile(folder.root) if TENSORBOARD in self._wanted else None
        self._trackers: dict[str, Tracker] = {}

    @property
    def name(self) -> str:
        """No name: the folder is the run's."""
        return ""

    @property
    def version(self) -> str:
        """No version, for the same reason."""
        return ""

    def open(self, settings: Mapping[str, Any]) -> None:
        """Begin or go on with what the trackers keep; records after the run's checkpoint are cut by now.

        Args:
            settings: of the run, as in config.yaml.
        """
        begin: dict[str, Callable[[], Tracker]] = {
            CSV: lambda: LossesTable(self.folder.losses),
            WANDB: lambda: WeightsAndBiases(self.folder, settings, self._say),
            MLFLOW: lambda: Background(MlflowRun(self.folder, settings, self._say)),
        }
        for name, make in begin.items():
            if name in self._wanted:
                self._guard(name, partial(self._begin, name, make))

    def _begin(self, name: str, make: Callable[[], Tracker]) -> None:
        self._trackers[name] = make()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record what a step computed, by name.

        Raises:
            OSError: the event file cannot be written.
        """
        if self._events is not None:
            self._events.log_metrics(metrics, step)
        self._tell(lambda tracker: tracker.losses(metrics, step or 0))

    def log_scores(self, scores: Mapping[str, float], step: int) -> None:
        """Record what an evaluation found, by name.

        Raises:
            OSError: the event file cannot be written.
        """
        if self._events is not None:
            self._events.log_metrics(scores, step)
        self._tell(lambda tracker: tracker.scores(scores, step))

    def log_picture(self, name: str, path: Path, step: int) -> None:
        """Record a PNG file of the run, by the kind of picture that it is.

        Raises:
            OSError: the event file cannot be written.
        """
        if self._events is not None:
            self._events.log_picture(name, path, step)
        self._tell(lambda tracker: tracker.picture(name, path, step))

    def log_summary(self, summary: Mapping[str, Any]) -> None:
        """Record the result of the run, as in summary.json."""
        self._tell(lambda tracker: tracker.summary(summary))

    def log_hyperparams(self, params: Any, *arguments: Any, **options: Any) -> None:
        """Write nothing: trackers get the run's settings when they begin."""

    def save(self) -> None:
        """Have the system put the event file's records on the disk now."""
        if self._events is not None:
            self._events.save()

    def finalize(self, status: str) -> None:
        """Do nothing: the summary is still to come."""

    def close(self, ending: Ending) -> None:
        """End the trackers' part, however the training ended."""
        self._tell(lambda tracker: tracker.close(ending))
        self._trackers.clear()

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._guard(name, partial(what, tracker))

    def _guard(self, name: str, action: Callable[[], object]) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # their libraries warn of things that no user can mend
                action()
        except Exception as error:
            self._trackers.pop(name, None)
            reason = one_line(f"{type(error).__name__}: {error}", 120).rstrip(".")
            self._say(f"note: --logger {name} failed ({reason}); the run goes on without it")
