"""The nearest right name to a wrong one, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 200
"""Characters that are compared."""


def nearest_name(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known name most like a wrong one, however unlike; None if there is none to choose."""
    found = difflib.get_close_matches(wrong[:_LONGEST], list(known), 1, 0.0)
    return found[0] if found else None


def unknown_name(shown: str, wrong: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a sentence that refuses a name and offers the nearest."""
    nearest = nearest_name(wrong, known)
    if nearest is None:
        return f"There is no {shown}."
    offered = f"{prefix}{nearest}"
    return f"There is no {shown}; did you mean {offered if offered.startswith('--') else repr(offered)}?"
