"""What a skipped step looked at, kept for the user: the files, the losses, and what the networks saw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.atomic_files import write_text
from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.past_batches import BatchPlace, files_of, tensors_of
from mutualseg.tensor_files import save_tensors


@dataclass(frozen=True)
class BadBatch:
    """A batch whose loss or gradient was not finite."""

    step: int
    """Number of the optimizer step, from 1."""
    reason: str
    """Such as: the loss term 'teacher' became nan."""
    losses: Sequence[Mapping[str, float]]
    """Terms by name, of each micro-step of the process that met it."""
    places: Sequence[BatchPlace]
    """The batches that may be to blame, the likeliest first."""


def write_bad_batch(folder: Path, bad: BadBatch, streams: TwoStreams, *, tensors: bool) -> Path:
    """Write `step_000123.json`, and if wanted beside it the likeliest batch's tensors as .safetensors.

    Returns:
        The path of the JSON file.

    Raises:
        OSError: a file cannot be written; the error names it. What was written before it is whole.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"step_{bad.step:06d}.json"
    losses = [{name: _plain(value) for name, value in terms.items()} for terms in bad.losses]
    facts = {"step": bad.step, "reason": bad.reason, "losses": losses, **files_of(streams, bad.places)}
    # Bytes of a file name that are no text become \\udce9, which is how JSON writes them too.
    write_text(path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n", errors="backslashreplace")
    held = tensors_of(streams, bad.places[0]) if tensors else {}
    if held:
        save_tensors(path.with_suffix(".safetensors"), held)
    return path


def _plain(value: float) -> float | str:
    """Return a number as JSON has it: nan and infinities are words there."""
    return value if math.isfinite(value) else str(value)
