"""Lines for a terminal, whatever names are in them, and the exit codes that go with them."""

from __future__ import annotations

import sys

from mutualseg.terminal import shown

EXIT_SKIPS = 1
"""Done, but what was left out or failed is listed."""
EXIT_FAULT = 2
"""Something that the user can mend, said in one sentence."""


def say(text: str) -> None:
    """Print one line of what was asked for; names in it are others' texts."""
    print(shown(text))


def complain(text: str) -> None:
    """Print one line about what went wrong."""
    print(shown(text), file=sys.stderr)
