"""`--on-bad-image skip` during a run: files that the loaders skipped are counted, listed and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from mutualseg.data.skipping import BadFile, SkippedFile, skipped_of
from mutualseg.engine.agreement import any_host, any_process, from_every_process, is_leader, may_ask
from mutualseg.engine.training import Training
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.skipped_list import SkippedRow, append_skipped, read_skipped, write_skipped
from mutualseg.unusable_files import refuse_too_many

_NAMED = 10
"""Skipped files that are named on the console; of the others it says how many there are."""

_CURE = "restore them"


class SkippedFiles(pl.Callback):
    """Take in what the loaders skipped: each file once, in skipped.csv, until there are too many.

    Args:
        folder: of the run; rows of its skipped.csv count from the start.
        console: told of each new file, up to a bound.
        images: of the run, before any was left out.
    """

    def __init__(self, folder: RunFolder, console: RunConsole, *, images: int) -> None:
        self.folder = folder
        self.console = console
        self.images = images
        self.rows = read_skipped(folder.skipped)
        self._known = {(row.skipped.part, row.skipped.file) for row in self.rows}
        self._waiting: list[SkippedRow] = []

    @property
    def files(self) -> list[SkippedFile]:
        """Every file so far, those that were left out before the run first."""
        return [row.skipped for row in self.rows]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop what was found after the checkpoint that is resumed: it is found again if it is still so."""
        self.rows = [row for row in self.rows if row.step <= trainer.global_step]
        self._known = {(row.skipped.part, row.skipped.file) for row in self.rows}
        if is_leader():
            write_skipped(self.folder.skipped, self.rows)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Mapping[str, Any], batch_idx: int
    ) -> None:
        """Take in what was skipped for a batch; stop if that is too many, between steps where that can be.

        Raises:
            UnusableFileError: more than 5 percent of the images are skipped.
        """
        step = trainer.global_step + 1
        assert isinstance(pl_module, Training)
        looked_at = pl_module.looked_at(batch)
        found = (file for received in looked_at for file in skipped_of(received))
        self._waiting += [SkippedRow(file, step) for file in found]
        if may_ask(trainer.global_step, pl_module.device) and any_process(
            bool(self._waiting), pl_module.device
        ):
            self._take()
        is_bad = any(isinstance(received, BadFile) for received in looked_at)
        if pl_module.is_between_steps or any_host(is_bad):
            self.refuse_too_many()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take in what waits: a run that goes on from this checkpoint does not come upon it again."""
        self._take()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take in what other processes have not told yet."""
        if any_process(bool(self._waiting), pl_module.device):
            self._take()

    def refuse_too_many(self) -> None:
        """Raise UnusableFileError if more than 5 percent of the run's images are skipped."""
        refuse_too_many(self.files, self.images, _CURE)

    def _take(self) -> None:
        """Add what waits in any process, the same in all of them."""
        waiting = [row for rows in from_every_process(self._waiting) for row in rows]
        self._waiting = []
        fresh = []
        for row in waiting:
            key = (row.skipped.part, row.skipped.file)
            if key not in self._known:
                self._known.add(key)
                fresh.append(row)
        if fresh and is_leader():
            append_skipped(self.folder.skipped, fresh)
            said = len(self.rows)
            say_skipped(self.console, [row.skipped for row in fresh], said)
        self.rows += fresh


def say_skipped(console: RunConsole, files: Sequence[SkippedFile], said: int = 0) -> None:
    """Say which files are skipped: the first few of a run by name and reason, of later ones how many."""
    named = max(0, _NAMED - said)
    for file in files[:named]:
        console.say(f"skipped ({file.part}): {file.reason}")
    if len(files) > named:
        console.say(f"{said + len(files)} images are skipped so far; skipped.csv lists them")
