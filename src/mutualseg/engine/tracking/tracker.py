"""What every tracker of a run can do, whoever keeps the records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

Ending = Literal["finished", "stopped", "failed"]
"""How a training ends: at its last step, by a signal (it may go on), or by an error."""


class Tracker(Protocol):
    """Keeps a run's curves and pictures; any of its methods may raise anything."""

    def losses(self, values: Mapping[str, float], step: int) -> None:
        """Record what a step computed, by name."""

    def scores(self, values: Mapping[str, float], step: int) -> None:
        """Record what an evaluation found, by name."""

    def picture(self, name: str, path: Path, step: int) -> None:
        """Record a PNG file, which may be gone later."""

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Record the result of a finished run, as in summary.json."""

    def close(self, ending: Ending) -> None:
        """Let go of whatever is held, once everything recorded is where it belongs."""
