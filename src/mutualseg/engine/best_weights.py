"""`--select best`: the best network so far travels in the checkpoints.

A run that goes on from a checkpoint may have had a better evaluation after it, whose weights replaced those
of the best before. They must not be deployed unless the run gets there again, and the others not be lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from mutualseg.atomic_files import replacing
from mutualseg.engine.agreement import is_leader
from mutualseg.errors import CheckpointError


class BestWeights(pl.Callback):
    """Keep the file of the best network in checkpoints, and put it back on resume.

    Args:
        path: of the file, which may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def state_dict(self) -> dict[str, Any]:
        """Return the file's bytes, uint8 [bytes], or None."""
        held = bytearray(self.path.read_bytes()) if self.path.is_file() else None
        return {"best": torch.frombuffer(held, dtype=torch.uint8) if held else None}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Write the file of the checkpoint's time, or none.

        Raises:
            CheckpointError: the checkpoint holds something else there.
        """
        held = state_dict.get("best")
        if held is not None and not (isinstance(held, torch.Tensor) and held.dtype == torch.uint8):
            raise CheckpointError("The checkpoint's best weights are no file's bytes; start the run anew.")
        if not is_leader():
            return
        if held is None:
            self.path.unlink(missing_ok=True)
            return
        with replacing(self.path) as partial:
            partial.write_bytes(held.numpy().tobytes())
