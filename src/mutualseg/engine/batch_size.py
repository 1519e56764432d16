"""`--batch auto`: the largest batch whose steps fit into the memory that is free."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mutualseg.engine.memory_forecast import Forecast
from mutualseg.errors import ConfigError

SIZES = (32, 16, 8, 4, 2)
_LARGEST = {"cpu": 4, "mps": 8, "cuda": 32}
"""More images a step make a CPU's steps longer, not its images quicker."""
_SHARE = 0.8
"""Of the free memory that may be filled: forecasts are not exact, and others need some too."""


def largest_batch(
    forecast: Forecast,
    *,
    crop: int,
    kinds: int,
    free: int | None,
    device: str,
    attempt: Callable[[int], None] = lambda batch: None,
) -> int:
    """Return how many images of each kind a step may take.

    Args:
        forecast: of the training.
        crop: side of the crops in pixels.
        kinds: 1 if only labeled images are used, 2 with unlabeled ones.
        free: bytes, None if unknown.
        device: bounds the answer.
        attempt: runs a real step with that many; torch.OutOfMemoryError has the next smaller one tried.

    Raises:
        ConfigError: not even the smallest fits.
    """
    for batch in SIZES:
        if batch > _LARGEST[device]:
            continue
        if free is not None and forecast.bytes(kinds * batch, crop) > _SHARE * free:
            continue
        try:
            attempt(batch)
        except torch.OutOfMemoryError:
            continue
        return batch
    raise ConfigError(
        f"Not even a batch of {SIZES[-1]} crops of {crop} pixels fits into the free memory; use a smaller "
        "--crop, or --activation-checkpointing."
    )
