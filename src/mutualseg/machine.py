"""What this machine has for a run: processor cores and memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(root: Path = _ROOT) -> int | None:
    """Return the bytes that new work may take; None where the system does not say.

    The least of what the machine has and what the limits of a container or a batch job leave.

    Args:
        root: where the system's files are looked for.
    """
    meminfo = root / "proc/meminfo"
    if not meminfo.is_file():
        return None
    line = next(line for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable"))
    return min([int(line.split()[1]) * 1024, *_left_by_limits(root)])


def _left_by_limits(root: Path) -> Iterator[int]:
    """Yield what the control groups of this process (version 2) leave, its own and those around it."""
    own = root / "proc/self/cgroup"
    names = (
        [line[3:] for line in own.read_text().splitlines() if line.startswith("0::")] if own.is_file() else []
    )
    for name in names:
        folder = Path(name.lstrip("/"))
        for group in (folder, *folder.parents):
            limit, used = (root / "sys/fs/cgroup" / group / f"memory.{kind}" for kind in ("max", "current"))
            if limit.is_file() and used.is_file() and limit.read_text().strip().isdecimal():
                yield max(0, int(limit.read_text()) - int(used.read_text()))
