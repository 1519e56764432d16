"""Durations as users write them: 90s, 20min, 1.5h."""

from __future__ import annotations

import re

from mutualseg.errors import ConfigError

_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str, option: str) -> float:
    """Return seconds of a text such as "20min"; raise ConfigError naming the option otherwise."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|m|h)\s*", str(text))
    if match is None or float(match[1]) == 0.0:
        raise ConfigError(f"--{option} {text} is no duration; write for example 90s, 20min or 1.5h.")
    return float(match[1]) * _SECONDS[match[2]]


def parse_interval(text: str | int, option: str) -> tuple[int | None, float | None]:
    """Return (steps, None) for a whole number and (None, seconds) for a duration.

    Raises:
        ConfigError: the text is neither.
    """
    if isinstance(text, int) or str(text).strip().isdecimal():
        if int(text) < 1:
            raise ConfigError(
                f"--{option} {text} must be at least 1 step; or write a duration such as 10min."
            )
        return int(text), None
    return None, parse_duration(text, option)
