"""Commands in sentences, as they can be pasted into a shell whatever folders are called."""

from __future__ import annotations

import shlex
from pathlib import Path


def shell_line(verb: str, *words: str | Path) -> str:
    """Return a call of the program."""
    return f"mutualseg {verb} {shlex.join(map(str, words))}"


def resume_line(root: str | Path) -> str:
    """Return the call that goes on with a run."""
    return shell_line("train", "--resume", root)
