"""Texts that others made, such as file and class names, in a form that a terminal only shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_COMMANDS = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls: an escape may clear the screen or rename its window
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of reading
    "\u2028\u2029"  # line ends that few programs know
    "\ud800-\udfff"  # what stands for bytes of a name that are not UTF-8: no terminal can be sent it
    "]"
)


def shown(text: str) -> str:
    r"""Return a text on one line, in which what would command a terminal is spelled out, as `\x1b`."""
    return _spelled(text).replace("\n", "\\n").replace("\t", "\\t")


def shown_lines(text: str) -> str:
    """Return a text of several lines of our own in the same form."""
    return _spelled(text)


def is_shown_as_it_is(text: str) -> bool:
    """Tell whether nothing in a text is a line end, or what nobody sees and a terminal may obey."""
    return shown(text) == text


def first_unseen(names: Iterable[str]) -> str | None:
    """Return the first of some names of which `is_shown_as_it_is` does not hold."""
    return next((name for name in names if not is_shown_as_it_is(name)), None)


def json_line(value: object) -> str:
    """Return a value as one line of JSON, readable in any script and harmless on a terminal."""
    # JSON escapes only the oldest controls; here, too, all others stand within its quotes.
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _spelled(text: str) -> str:
    return _COMMANDS.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
