"""What a run logged while it trained, out of TensorBoard's event files."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[tuple[int, float]]
"""(step, value), by step."""
Curves = Mapping[str, Points]
"""By name."""


def read_curves(folder: Path) -> Curves:
    """Return each scalar that steps logged, by name; those of evaluations are in the run's tables.

    A run that went on from a checkpoint wrote some steps again: the later file counts. A file ends where a
    kill cut it short.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.compat.tensorflow_stub.errors import DataLossError

    found: dict[str, dict[int, float]] = defaultdict(dict)
    for path in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    if "/" in value.tag or value.tag.startswith("miou_"):
                        continue
                    number = _scalar(value)
                    if number is not None and math.isfinite(number):
                        found[value.tag][event.step] = number
        except (DataLossError, OSError, ValueError):
            continue
    return {name: sorted(points.items()) for name, points in found.items()}


def _scalar(value: Any) -> float | None:
    """Return the number of a record; None of a picture, whose `simple_value` reads as 0, or anything else."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if len(value.tensor.float_val) == 1 and not value.tensor.tensor_shape.dim:
        return float(value.tensor.float_val[0])
    return None


def thinned(points: Points, most: int) -> Points:
    """Return a curve of at most `most` points, each the mean of as many neighbors, at their last step."""
    if len(points) <= most:
        return points
    size = -(-len(points) // most)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
