"""What a process takes up as it goes on: memory, file handles, bytes written; and whether that grows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LOGS = ("run/events*", "run/*.csv", "console.txt")


@dataclass(frozen=True)
class Reading:
    """One look at this process and the loader processes below it, after a step."""

    step: int
    seconds: float
    """Since the run was asked for."""
    resident_mb: float
    """Of this process."""
    loaders_mb: float
    """Of the loader processes. Pages that they share with this one count again, or they would seem to grow
    whenever one of the two writes to such a page."""
    handles: int
    """Open files of all these processes."""
    log_bytes: int
    """TensorBoard's events without the pictures, of which a run records a bounded number; the CSV files; and
    what was said."""
    pictures: int
    """Files in pseudo_labels/."""


@dataclass(frozen=True)
class Slope:
    """A straight line's rise through readings, by least squares."""

    per_1000: float
    """Per 1,000 steps."""
    error: float
    """Standard error of it, from how far the readings lie from the line."""


def read(step: int, seconds: float, root: Path, picture_bytes: int) -> Reading:
    """Look at this process and at what lies below a folder: `run`, and `console.txt`, what was said.

    Args:
        step: of the run.
        seconds: since it was asked for.
        root: the folder.
        picture_bytes: of the events, what pictures take.
    """
    own, loaders = os.getpid(), _children()
    return Reading(
        step=step,
        seconds=seconds,
        resident_mb=_kilobytes(own, "VmRSS") / 1024,
        loaders_mb=sum(_kilobytes(each, "VmRSS") for each in loaders) / 1024,
        handles=sum(_handles(each) for each in (own, *loaders)),
        log_bytes=sum(path.stat().st_size for pattern in _LOGS for path in root.glob(pattern))
        - picture_bytes,
        pictures=sum(1 for _ in (root / "run/pseudo_labels").glob("*")),
    )


def settled(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings of the last three quarters: before that, buffers and caches fill."""
    start = readings[0].step + (readings[-1].step - readings[0].step) / 4
    return [reading for reading in readings if reading.step >= start]


def slope(steps: Sequence[float], values: Sequence[float]) -> Slope:
    """Return the least-squares slope of values over steps; 0 with fewer than 3 of them."""
    count = len(steps)
    if count < 3:
        return Slope(0.0, 0.0)
    x, y = np.asarray(steps, float) / 1000, np.asarray(values, float)
    x = x - x.mean()
    spread = float((x**2).sum())
    rise = float((x * y).sum()) / spread
    left = y - y.mean() - rise * x
    return Slope(rise, float(np.sqrt((left**2).sum() / (count - 2) / spread)))


def _children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _kilobytes(process: int, key: str) -> int:
    """Return one line's number; 0 for a process that has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


def _handles(process: int) -> int:
    try:
        return len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208  # of numbers, not of paths
    except OSError:
        return 0
