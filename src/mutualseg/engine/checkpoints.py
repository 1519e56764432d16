"""Checkpoints: the newest and the one before, never half a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from mutualseg.engine.agreement import any_process, is_leader, may_ask
from mutualseg.engine.training import Training
from mutualseg.errors import CheckpointError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder

_HELD = {"pytorch-lightning_version", "state_dict", "global_step", "optimizer_states"}


def drop_damaged_checkpoints(folder: RunFolder, console: RunConsole) -> None:
    """Delete the newest checkpoint if it cannot be read and the one before can, and say so.

    Raises:
        CheckpointError: no checkpoint can be read.
    """
    if is_sound(folder.newest_checkpoint):
        return
    if folder.checkpoint.is_file() and is_sound(folder.previous_checkpoint):
        folder.checkpoint.unlink()
        console.say(f"'{folder.checkpoint}' is damaged; going on from the checkpoint before it.")
        return
    raise CheckpointError(
        f"'{folder.newest_checkpoint}' is damaged, and no other checkpoint is there; start the run anew with "
        "--overwrite."
    )


def is_sound(path: Path) -> bool:
    """Return whether a file is a whole checkpoint."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # on broken bytes unpickling raises nearly anything
        return False
    return isinstance(held, dict) and held.keys() >= _HELD


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
        assert isinstance(pl_module, Training)
        if not pl_module.is_between_steps:
            return
        due = self.steps is not None and trainer.global_step % self.steps == 0
        if self.seconds is not None and may_ask(trainer.global_step, pl_module.device):
            passed = is_leader() and time.monotonic() - self._last >= self.seconds
            due |= any_process(passed, pl_module.device)
        if due:
            pl_module.check_finite()  # what is saved can be gone on with
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the run."""
        self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint of this step, once; all processes of a run call this together."""
        if trainer.global_step == self._saved_step:
            return
        last, previous = self.folder.checkpoint, self.folder.previous_checkpoint
        partial = last.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        if is_leader():
            if last.is_file():
                last.replace(previous)
            partial.replace(last)
        self._saved_step = trainer.global_step
        self._last = time.monotonic()
