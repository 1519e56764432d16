"""Lists as users write them: one text with commas, several texts, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mutualseg.errors import ConfigError


def listed(given: object) -> list[str]:
    """Return the items of a list in which each may itself be several, parted by commas; each once."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = [given]
    items = [item.strip() for part in given for item in str(part).split(",")]
    return list(dict.fromkeys(item for item in items if item))


def seeds_of(given: object, default: Sequence[int]) -> list[int]:
    """Return seeds as whole numbers.

    Raises:
        ConfigError: one is something else, or negative.
    """
    seeds = []
    for item in listed(given):
        if not re.fullmatch(r"\d+", item):
            raise ConfigError(f"--seeds {item} is no whole number from 0 on; give for example --seeds 0,1,2.")
        seeds.append(int(item))
    return list(dict.fromkeys(seeds)) or list(default)
