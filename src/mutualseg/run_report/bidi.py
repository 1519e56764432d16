"""Names in scripts that are written from right to left, inside sentences that are not."""

from __future__ import annotations

import unicodedata

_START, _END = "\u2068", "\u2069"
"""What <bdi> is on a page, for sentences that are plain text."""


def isolated(name: str) -> str:
    """Return a name that leaves the order of what stands around it as it is."""
    is_foreign = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in name)
    return f"{_START}{name}{_END}" if is_foreign and _END not in name else name
