"""The result of a run as flat numbers by name, for trackers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NUMBERS = ("miou", "miou_best", "pixel_accuracy", "gain", "seconds", "training_seconds", "peak_memory_mb")


def results_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of summary.json that are compared between runs, under `result/`."""
    found = {name: summary.get(name) for name in _NUMBERS}
    found |= {f"iou/{name}": value for name, value in summary["per_class_iou"].items()}
    found |= {f"miou_{role}": value for role, value in summary["networks"].items()}
    return {f"result/{name}": float(value) for name, value in found.items() if value is not None}
