"""Checkpoints: the newest and the one before, never half a file, never one with a bit changed."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from mutualseg.atomic_files import faults_naming, partial_of, sync_folder
from mutualseg.engine.agreement import any_process, is_leader, may_ask
from mutualseg.engine.sealed_checkpoint import is_sealed
from mutualseg.engine.training import Training
from mutualseg.errors import CheckpointError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder

_HELD = {"pytorch-lightning_version", "state_dict", "global_step", "optimizer_states"}


def drop_damaged_checkpoints(folder: RunFolder, console: RunConsole) -> None:
    """Have the run go on from its newest sound checkpoint, and say so if a damaged one is passed over.

    A damaged one is renamed, not deleted: a run that goes on never touches it again, and what looks damaged
    may be a disk or a network file system that fails for a while.

    Raises:
        CheckpointError: no checkpoint is sound.
    """
    complete_rotation(folder)
    if is_sound(folder.newest_checkpoint):
        return
    has_other = folder.checkpoint.is_file() and folder.previous_checkpoint.is_file()
    if has_other and is_sound(folder.previous_checkpoint):
        folder.checkpoint.replace(folder.damaged_checkpoint)
        sync_folder(folder.checkpoint.parent)
        console.say(
            f"'{folder.checkpoint}' is damaged; going on from the checkpoint before it. The damaged one "
            f"is now '{folder.damaged_checkpoint.name}' beside it, and can be deleted."
        )
        return
    raise CheckpointError(
        f"'{folder.newest_checkpoint}' is damaged, and "
        f"{'the one before it too' if has_other else 'no other checkpoint is there'}; start the run anew "
        "with --overwrite."
    )


def is_sound(path: Path) -> bool:
    """Return whether a file is a whole checkpoint, every bit of it as it was written.

    Raises:
        OSError: it cannot be read for now (rights, the network, too many open files), which is no damage.
        MemoryError: there is too little memory, which is none either.
    """
    try:
        if not is_sealed(path):
            return False
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except MemoryError:
        raise
    except OSError as error:
        if error.errno != errno.EIO:  # a bad sector
            raise
        return False
    except Exception:  # a file that was sealed, but by something else
        return False
    return isinstance(held, dict) and held.keys() >= _HELD


def complete_rotation(folder: RunFolder) -> None:
    """Finish what a kill cut short: a checkpoint that is whole takes its place, half of one is deleted."""
    partial = partial_of(folder.checkpoint)
    if partial.is_file():
        if is_sound(partial):
            _rotate(folder, partial)
        else:
            partial.unlink()


def _rotate(folder: RunFolder, written: Path) -> None:
    """Make a checkpoint that is safe on the disk the newest, and the newest the one before."""
    if folder.checkpoint.is_file():
        folder.checkpoint.replace(folder.previous_checkpoint)
    written.replace(folder.checkpoint)
    sync_folder(folder.checkpoint.parent)


class Checkpoints(pl.Callback):
    """Keep the newest checkpoint and the one before; each is written aside and renamed.

    Args:
        folder: of the run.
        steps: save when this many steps have passed, or
        seconds: when this much time has.
        check: called before a checkpoint is written; may refuse.
    """

    def __init__(
        self, folder: RunFolder, *, steps: int | None, seconds: float | None, check: Callable[[], None]
    ) -> None:
        self.folder = folder
        self.steps = steps
        self.seconds = seconds
        self.check = check
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
        partial = partial_of(self.folder.checkpoint)
        is_whole = False
        try:
            with faults_naming(self.folder.checkpoint):
                if is_leader():
                    self.check()
                    partial.unlink(missing_ok=True)  # it may be a link
                if trainer.logger is not None:
                    trainer.logger.save()  # a checkpoint on the disk has the records up to it there too
                trainer.save_checkpoint(partial)
                is_whole = True
                if is_leader():
                    _rotate(self.folder, partial)
        except BaseException:
            if is_leader() and not is_whole:  # a whole one takes its place when the run goes on
                with suppress(OSError):  # the space may be what is missing
                    partial.unlink()
            raise
        self._saved_step = trainer.global_step
        self._last = time.monotonic()
