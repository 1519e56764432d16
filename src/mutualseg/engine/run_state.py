"""What a checkpoint knows of its run beside weights: its settings, its split, when it began."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch

from mutualseg.errors import CheckpointError
from mutualseg.runs import RunFolder

_KEY = "mutualseg_run"


class Saved(NamedTuple):
    """What `RunState` wrote into a checkpoint; None where a version before it did not."""

    step: int
    """Optimizer steps that are in it."""
    settings: dict[str, Any] | None = None
    """As in config.yaml."""
    split: str | None = None
    """SHA-256 of split.json."""
    started: float | None = None
    """Seconds since the epoch at which the run began."""


class RunState(pl.Callback):
    """Keep a run's settings, split and start in its checkpoints.

    Args:
        folder: of the run, whose config.yaml and split.json are those of now.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._held: dict[str, Any] = {
            "settings": json.dumps(folder.read_config(), ensure_ascii=False),
            "split": fingerprint(folder.split),
            "started": time.time(),
        }

    @property
    def state_key(self) -> str:
        """Return the name in checkpoints, which no renaming of this class changes."""
        return _KEY

    def state_dict(self) -> dict[str, Any]:
        """Return plain values: checkpoints are read with `weights_only`."""
        return dict(self._held)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over when the run began; the rest is as it is now."""
        self._held["started"] = state_dict["started"]


def read_saved(path: Path) -> Saved:
    """Return what a sound checkpoint knows of its run.

    Raises:
        CheckpointError: it holds something else where that should be.
    """
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # no tensor of it is read
    try:
        step = int(held["global_step"])
        state = held.get("callbacks", {}).get(_KEY)
        if state is None:
            return Saved(step)
        return Saved(step, dict(json.loads(state["settings"])), str(state["split"]), float(state["started"]))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"'{path}' is no checkpoint of this program; restore the one that the run wrote, or start it "
            "anew with --overwrite."
        ) from error


def fingerprint(split: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(split.read_bytes()).hexdigest()
