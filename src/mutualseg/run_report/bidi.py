"""Names in scripts that are written from right to left, inside sentences that are not."""

from __future__ import annotations

import re
import unicodedata

from markupsafe import Markup

from mutualseg.terminal import shown

_START, _END = "\u2068", "\u2069"
"""Around names in sentences that are plain text; `with_isolates` makes <bdi> of them."""


def isolated(name: str) -> str:
    """Return a name that leaves the order of what stands around it as it is."""
    is_foreign = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in name)
    return f"{_START}{name}{_END}" if is_foreign and _END not in name else name


def with_isolates(text: str) -> Markup:
    """Return a sentence for a page, with <bdi> around the names that `isolated` has marked."""
    parts = re.split(f"{_START}([^{_START}{_END}]*){_END}", text)
    found = [
        Markup("<bdi>{}</bdi>" if place % 2 else "{}").format(shown(part)) for place, part in enumerate(parts)
    ]
    return Markup("").join(found)
