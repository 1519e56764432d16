"""What the terminal is told once an app answers."""

from __future__ import annotations

import sys
from typing import NamedTuple

from mutualseg.terminal import json_line, shown


class Announcement(NamedTuple):
    """What is known then."""

    url: str
    is_local: bool
    """Whether only this machine reaches it."""
    images: int
    """In the folder to page through."""


def announce(started: Announcement, *, quiet: bool = False, as_json: bool = False) -> None:
    """Print one line, and on the other stream what it means if other machines reach the app.

    Args:
        started: what to say.
        quiet: print no line.
        as_json: print it as JSON.
    """
    if as_json:
        print(json_line({"url": started.url, "images": started.images}), flush=True)
    elif not quiet:
        print(shown(f"app: {started.url} (Ctrl-C ends it)"), flush=True)
    if not started.is_local:
        seen = " and the images of --images" if started.images else ""
        print(
            "Everybody who reaches this machine can use the app without a password, and see its networks"
            f"{seen}; leave --host out to keep it to this machine.",
            file=sys.stderr,
            flush=True,
        )
