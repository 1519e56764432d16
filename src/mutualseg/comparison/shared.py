"""What all runs of a comparison have in common: the rest of `train`'s arguments."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_MACHINE = ("workers", "cache", "checkpoint_every", "quiet")
"""Arguments that change no result, so that a later call may have others."""


@dataclass(frozen=True)
class Shared:
    """Arguments of `train`, under the names of its flags, the same in every run."""

    data: str
    layout: str
    ignore: int | None
    channels: int
    unlabeled: list[str]
    group: str | None
    split_seed: int
    steps: int | None
    """None with a budget."""
    budget: str | None
    batch: int
    unlabeled_batch: int | None
    accumulate: int
    crop: int
    network: str
    encoder: str
    weights: str
    device: str
    precision: str
    evaluate_every: int | None
    window: int | None
    workers: int | None
    cache: str
    checkpoint_every: str | int
    quiet: bool

    def arguments(self) -> dict[str, Any]:
        """Return them for `train`."""
        return asdict(self)

    def to_record(self) -> dict[str, Any]:
        """Return those that must stay the same, as plain values."""
        return {name: value for name, value in asdict(self).items() if name not in _MACHINE}
