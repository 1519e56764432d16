"""Sentences in the width of a terminal, broken between words; a terminal alone would break within them."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import TextIO

_WHOLE = re.compile(
    r"\bmutualseg [a-z]+ [^;)]*"  # a command: with a line end inside it could not be copied
    r"|(?<!\w)'[^']+'(?!\w)"  # a name in quotes, which may have spaces
)
_JOINT = "\0"
"""Stands for a space at which no line ends; no text that a terminal is sent has it."""


def for_stream(text: str, stream: TextIO) -> str:
    """Return a text as a stream should get it: in lines for a terminal, as it is elsewhere."""
    return wrapped(text, shutil.get_terminal_size().columns) if stream.isatty() else text


def wrapped(text: str, columns: int) -> str:
    """Return a text in lines of at most so many columns; commands and quoted names are in one piece.

    Args:
        text: without line ends.
        columns: a piece that is longer has a line of its own, which the terminal continues.
    """
    if len(text) <= columns:
        return text
    joined = _WHOLE.sub(lambda found: found[0].replace(" ", _JOINT), text)
    lines = textwrap.wrap(joined, columns, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(_JOINT, " ")
