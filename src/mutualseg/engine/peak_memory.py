"""The most memory that a run had in use at once."""

from __future__ import annotations

from pathlib import Path

import torch

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MEGA = 2**20


class PeakMemory:
    """Watches from its making on; the mark that it reads is one for the whole process.

    On CUDA it is what tensors took, elsewhere on Linux what the process had in memory: its loader
    processes come on top. A resumed run counts from where it was resumed.

    Args:
        device: where the run computes.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.known = True
        else:
            self.known = device == "cpu" and _reset_mark()

    def megabytes(self) -> float | None:
        """Return the most so far in MiB; None where nobody can tell."""
        if not self.known:
            return None
        if self.device == "cuda":
            return round(torch.cuda.max_memory_allocated() / _MEGA, 1)
        return _high_water_mark()


def _reset_mark() -> bool:
    """Set the process's high-water mark back to what is in memory now; False where that is not allowed."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _high_water_mark() -> float | None:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if found is None else round(int(found) / 1024, 1)
