"""Rows of runs that were never trained."""

from __future__ import annotations

from typing import Any


def row(label: str, seed: int, miou: float | None, *, images: int = 6, **changes: Any) -> dict[str, Any]:
    """Return a run's row of comparison.json; without mIoU the run has failed."""
    finished = {
        "status": "finished",
        "reason": None,
        "miou": miou,
        "miou_best": (miou or 0.0) + 1,
        "minutes": 2.0 + seed,
        "peak_memory_mb": 100.0 + seed,
    }
    known = finished if miou is not None else {"status": "failed", "reason": "It was lost; try again."}
    return {
        "label": label,
        "seed": seed,
        "labeled_images": images,
        "run": f"runs/{label}-{images}-s{seed}",
        **known,
        **changes,
    }
