"""From a checkpoint to a running training: what does not fit is the file's fault, and said so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch

from mutualseg.errors import CheckpointError, MutualSegError
from mutualseg.one_line import one_line


class Restoring(pl.Callback):
    """Knows when a checkpoint has been taken in, which is before the first step."""

    def __init__(self) -> None:
        self._is_done = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note that all of the checkpoint was used."""
        self._is_done = True

    @contextmanager
    def refused(self, path: Path | None) -> Iterator[None]:
        """Raise CheckpointError for what goes wrong while a checkpoint is taken in; no path, no change."""
        try:
            yield
        except (MutualSegError, OSError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # hostile content makes the trainer raise nearly anything
            if self._is_done or path is None:
                raise
            first = one_line(str(error).partition("\n")[0], 120).rstrip(".")
            raise CheckpointError(
                f"'{path}' is no checkpoint of this run ({type(error).__name__}: {first}); restore the one "
                "that the run wrote, or start it anew with --overwrite."
            ) from error
