"""A run from its first step, or the one after its checkpoint, to its summary."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException

from mutualseg.durations import parse_interval
from mutualseg.engine.best_weights import BestWeights
from mutualseg.engine.checkpoints import Checkpoints
from mutualseg.engine.cut_records import RecordCutting
from mutualseg.engine.determinism import repeatable
from mutualseg.engine.evaluation_rounds import EvaluationRounds
from mutualseg.engine.outcome import finish, keep_evaluation
from mutualseg.engine.peak_memory import PeakMemory
from mutualseg.engine.progress_lines import ProgressLines
from mutualseg.engine.restoring import Restoring
from mutualseg.engine.run_state import RunState
from mutualseg.engine.run_writes import writing_into
from mutualseg.engine.session import Session
from mutualseg.engine.signals import Signals
from mutualseg.engine.skipped_files import SkippedFiles
from mutualseg.engine.skipped_steps import SkippedSteps
from mutualseg.engine.tracking.run_logger import RunLogger
from mutualseg.engine.tracking.tracker import Ending
from mutualseg.engine.trainer import build_trainer, trainer_silenced
from mutualseg.errors import Interrupted, UnusableFileError
from mutualseg.evaluation.metrics import Scores
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.losses.reduction import process_count
from mutualseg.methods.base import Method
from mutualseg.reporting.kept_pictures import is_recorded
from mutualseg.reporting.training_pictures import draw_views
from mutualseg.shell_lines import resume_line


def run_training(session: Session, method: Method, *, resume: bool) -> dict[str, Any]:
    """Train a fresh method to the end, or on from the newest checkpoint, and return the summary.

    Args:
        session: what the run is made of.
        method: a fresh one; the checkpoint fills it where the run goes on.
        resume: go on from the newest checkpoint.

    Raises:
        MutualSegError: training went wrong, or a file cannot be used or written.
        Interrupted: a signal came; the run is saved if it has begun.
    """
    with repeatable(session.settings, session.console), writing_into(session.folder) as check_folder:
        return _TrainingRun(session, method, check_folder).run(resume=resume)


class _TrainingRun:
    """What happens beside the steps of one training: recording, saving, watching."""

    def __init__(self, session: Session, method: Method, check_folder: Callable[[], None]) -> None:
        settings, folder, console = session.settings, session.folder, session.console
        self.session, self.method, self.check_folder = session, method, check_folder
        self.memory = PeakMemory(settings.device)
        self.training = session.build_training(method)
        self.streams = session.build_streams(method)
        steps, seconds = parse_interval(settings.checkpoint_every, "checkpoint-every")
        self.checkpoints = Checkpoints(folder, steps=steps, seconds=seconds, check=check_folder)
        self.signals = Signals(self.checkpoints)
        self.skipped_steps = SkippedSteps(folder, console, self.streams)
        self.skipped_files = SkippedFiles(folder, console, images=session.images)
        self.guard = session.build_guard(method)
        self.rounds = EvaluationRounds(
            folder,
            console,
            classes=session.data.classes,
            evaluate=lambda: session.evaluate(method),
            every=settings.evaluate_every,
            before=check_folder,
            after=self._keep,
            guard=self.guard,
        )
        self.logger = RunLogger(folder, settings.logger, console.say, leads=session.leads)
        self.restoring = Restoring()
        self.cutting = RecordCutting(folder, leads=session.leads)

    def callbacks(self) -> list[pl.Callback]:
        """Return them in order: what is recorded of a step comes before its checkpoint, a signal after."""
        folder = self.session.folder
        found: list[pl.Callback] = [
            self.cutting,
            self.skipped_steps,
            self.guard,
            self.rounds,
            ProgressLines(self.session.console),
            self.checkpoints,
            self.signals,
            RunState(folder),
            self.restoring,
        ]
        if self.session.settings.select == "best":
            found.append(BestWeights(folder.best_weights))
        if self.session.skips:
            found.append(self.skipped_files)
        return found

    def run(self, *, resume: bool) -> dict[str, Any]:
        """Train, and return the summary; what the loggers keep ends with it, however it ends."""
        ending: Ending = "failed"
        try:
            summary = self._train(resume=resume)
            self.logger.log_summary(summary)
            ending = "finished"
        except (Interrupted, KeyboardInterrupt):
            ending = "stopped"
            raise
        finally:
            self.logger.close(ending)
        return summary

    def _keep(self, step: int, scores: Mapping[str, Scores]) -> None:
        """Draw the pictures of an evaluation, and have them recorded unless there are too many."""
        settings = self.session.settings
        pictures = keep_evaluation(self.session, self.method, self.streams, step, scores)
        if is_recorded(step, settings.evaluate_every, settings.steps):
            for kind, path in pictures.items():
                self.logger.log_picture(kind, path, step)

    def _train(self, *, resume: bool) -> dict[str, Any]:
        session, folder = self.session, self.session.folder
        settings = session.settings
        if session.leads and not resume:
            draw_views(self.streams, session.data.classes, folder.views, colors=session.data.colors)
        self.logger.open(settings.to_dict())
        if session.leads and not resume:
            self.logger.log_picture("views", folder.views, 0)
        start = folder.newest_checkpoint if resume else None
        if threading.current_thread() is threading.main_thread():
            self.signals.install()
        try:
            with trainer_silenced(), freed_memory_kept(settings.device), self.restoring.refused(start):
                trainer = build_trainer(settings, self.logger, self.callbacks())
                trainer.fit(
                    self.training,
                    datamodule=self.streams,
                    ckpt_path=None if start is None else str(start),
                    weights_only=True,
                )
            self.cutting.cut(trainer.global_step)  # a run that has no step left does not start
            self.skipped_files.refuse_too_many()
            self.rounds.make_up(trainer, self.training, settings.device)
        except UnusableFileError as error:
            raise self._resumable(error, trainer) from None
        except SIGTERMException:  # the trainer's answer to a SIGTERM that came before its first step
            raise Interrupted(signal.SIGTERM.name) from None
        except SystemExit:  # the trainer's answer to a second SIGINT
            raise KeyboardInterrupt from None
        finally:
            session.console.stop()  # the trainer tears no callback down after an error
            self.signals.restore()
        self.check_folder()
        return finish(
            session,
            self.method,
            self.rounds,
            self.memory,
            warnings=self.guard.warnings,
            skipped_steps=self.skipped_steps.count,
            skipped_files=self.skipped_files.files,
        )

    def _resumable(self, error: UnusableFileError, trainer: pl.Trainer) -> UnusableFileError:
        """Save the run that came upon a bad file, and return the error with the way to go on."""
        if trainer.global_step > 0 and self.training.is_between_steps and process_count() == 1:
            with trainer_silenced():
                self.checkpoints.save(trainer)
            advice = f"step {trainer.global_step} is saved, so then go on with"
        elif self.session.folder.newest_checkpoint.is_file():
            advice = "then go on from the last checkpoint with"
        else:
            return error
        onward = resume_line(self.session.folder.root)
        return UnusableFileError(f"{str(error).rstrip('.')}; {advice}: {onward}")
