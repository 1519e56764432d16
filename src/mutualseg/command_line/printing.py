"""Lines for a terminal, whatever names are in them, and the exit codes that go with them."""

from __future__ import annotations

import sys

from mutualseg.terminal import shown
from mutualseg.wrapping import for_stream

EXIT_SKIPS = 1
"""Done, but what was left out or failed is listed."""
EXIT_FAULT = 2
"""Something that the user can mend, said in one sentence."""


def say(text: str) -> None:
    """Print one sentence of what was asked for; names in it are others' texts."""
    print(for_stream(shown(text), sys.stdout))


def complain(text: str) -> None:
    """Print one sentence about what went wrong."""
    print(for_stream(shown(text), sys.stderr), file=sys.stderr)
