"""A file to segment."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Target(NamedTuple):
    """A file to segment."""

    source: Path
    name: str
    """Its path below the output folder without a suffix, with / between folders."""
    is_video: bool
    is_named: bool
    """Whether the user named this very file, not a folder or a pattern."""
