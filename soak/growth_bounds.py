"""What a long run took up, as figures; and what of it is more than it may be."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from growth import Reading, settled, slope


@dataclass(frozen=True)
class Bounds:
    """What a run may take more of, in main process and loaders together."""

    memory_mb: float
    """Per 1,000 steps."""
    handles: int
    """In the median of the last third over that of the first: batches on their way take some."""
    log_kb: float
    """Per 1,000 steps."""


def judge(readings: Sequence[Reading], bounds: Bounds) -> tuple[dict[str, Any], list[str]]:
    """Return the figures of a run, and what of them is beyond the bounds."""
    counted = settled(readings)
    steps = [reading.step for reading in counted]
    memory = slope(steps, [reading.resident_mb + reading.loaders_mb for reading in counted])
    log_kb = slope(steps, [reading.log_bytes / 1024 for reading in counted]).per_1000
    paces = [1000 * (b.seconds - a.seconds) / (b.step - a.step) for a, b in pairwise(counted)]
    third = max(1, len(paces) // 3)
    handles = [statistics.median(own.handles for own in part) for part in (counted[:third], counted[-third:])]
    figures = {
        "steps": readings[-1].step,
        "seconds_to_step_1": round(readings[0].seconds, 1),
        "resident_mb": [round(counted[0].resident_mb, 1), round(counted[-1].resident_mb, 1)],
        "loaders_mb": [round(counted[0].loaders_mb, 1), round(counted[-1].loaders_mb, 1)],
        "memory_mb_per_1000_steps": round(memory.per_1000, 4),
        "its_standard_error": round(memory.error, 4),
        "handles": handles,
        "log_kb_per_1000_steps": round(log_kb, 1),
        "pictures": readings[-1].pictures,
        "ms_per_step": [round(statistics.median(part), 1) for part in (paces[:third], paces[-third:])],
    }
    beyond = []
    if memory.per_1000 > bounds.memory_mb:
        beyond.append(f"memory rises by {memory.per_1000:.3f} MB per 1,000 steps, above {bounds.memory_mb}")
    if handles[1] - handles[0] > bounds.handles:
        beyond.append(f"{handles[1] - handles[0]:g} more file handles at the end, above {bounds.handles}")
    if log_kb > bounds.log_kb:
        beyond.append(f"logs grow by {log_kb:.1f} KB per 1,000 steps, above {bounds.log_kb}")
    return figures, beyond
