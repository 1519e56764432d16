"""YAML of bounded size and depth: what would take hours or all memory to go through is refused."""

from __future__ import annotations

from typing import Any

import yaml

from mutualseg.one_line import one_line

LONGEST = 2**20
"""Characters of a text; configurations and class lists have some thousands."""
_MOST = 100_000
"""Values in all, what is repeated by an alias counted each time: a few lines can stand for billions."""


class PlainYamlError(ValueError):
    """A text is no YAML that is read; the message says why, on one line."""


def load_plain(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """Return the plain values of a YAML text.

    Args:
        text: the whole file.
        loader: turns it into values; tags of Python are refused by all that derive from `SafeLoader`.

    Raises:
        PlainYamlError: It is no YAML, or stands for too much.
    """
    if len(text) > LONGEST:
        raise PlainYamlError(f"it has {len(text):,} characters, and {LONGEST:,} are read")
    try:
        values = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        said = one_line(getattr(error, "problem", None) or error)
        raise PlainYamlError(f"{where}: {said}" if where else said) from None
    except RecursionError:
        raise PlainYamlError("it is nested too deeply") from None
    # Of numbers and dates that look like some and are none.
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        raise PlainYamlError(one_line(error)) from None
    try:
        _count(values, {}, set())
    except RecursionError:
        raise PlainYamlError("it is nested too deeply") from None
    return values


def _count(value: object, known: dict[int, int], within: set[int]) -> int:
    """Return how many values a value holds, itself among them, once its aliases are written out."""
    if not isinstance(value, dict | list | tuple | set):
        return 1
    if id(value) in within:
        raise PlainYamlError("a value holds itself")
    if id(value) not in known:
        within.add(id(value))
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(part, known, within) for part in parts)
        within.remove(id(value))
        if known[id(value)] > _MOST:
            raise PlainYamlError(f"with its aliases it stands for more than {_MOST:,} values")
    return known[id(value)]
