"""Lists as users write them: one text with commas, several texts, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mutualseg.errors import ConfigError


def listed(given: object, name: str) -> list[str]:
    """Return the items of a list in which each may itself be several, parted by commas; each once.

    Args:
        given: of the option --`name`.
        name: see `given`.

    Raises:
        ConfigError: it was given and holds nothing, as `--methods "$UNSET"` would.
    """
    parts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    items = [item.strip() for part in parts for item in str(part).split(",")]
    found = list(dict.fromkeys(item for item in items if item))
    if parts and not found:
        raise ConfigError(f"--{name} is given without a value; name at least one, or leave it out.")
    return found


def seeds_of(given: object, default: Sequence[int]) -> list[int]:
    """Return seeds as whole numbers.

    Raises:
        ConfigError: one is something else, or negative.
    """
    seeds = []
    for item in listed(given, "seeds"):
        if not re.fullmatch(r"\d+", item):
            raise ConfigError(f"--seeds {item} is no whole number from 0 on; give for example --seeds 0,1,2.")
        seeds.append(int(item))
    return list(dict.fromkeys(seeds)) or list(default)
