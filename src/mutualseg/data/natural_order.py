"""Names in the order that people expect: frame_2 before frame_10."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[str | int]:
    """Return a key that sorts numbers within names by their value."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]
