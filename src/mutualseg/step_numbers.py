"""Numbers of optimizer steps as they stand in the records and file names of a run."""

from __future__ import annotations

_MOST_DIGITS = 18
"""What fits 64 bits; Python refuses to read a number of thousands of digits."""


def step_of(text: str) -> int | None:
    """Return the step that a text gives in plain digits, None if it gives none."""
    is_step = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if is_step else None
