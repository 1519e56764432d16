"""The peak memory of a piece of work: the allocator's on CUDA, a fresh process's resident set elsewhere."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

_MEGA = 2**20


def peak_megabytes(work: Callable[..., object], *arguments: object, device: str) -> float | None:
    """Return the megabytes that `work(*arguments)` needs at once, on top of what was there before it.

    Args:
        work: importable by name, as it runs in a process of its own.
        arguments: what it gets; must pickle.
        device: where it computes.

    Returns:
        Megabytes, or None where the system does not tell (no CUDA and no /proc).
    """
    if device != "cuda" and not Path("/proc/self/status").is_file():
        return None
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_peak, work, arguments, device).result()


def _peak(work: Callable[..., object], arguments: tuple[object, ...], device: str) -> float:
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        work(*arguments)
        return round((torch.cuda.max_memory_allocated() - before) / _MEGA, 1)
    resident = _status_kilobytes("VmRSS")
    work(*arguments)
    return round((_status_kilobytes("VmHWM") - resident) / 1024, 1)


def _status_kilobytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))
