"""What `push` does with its arguments, and what it prints."""

from __future__ import annotations

from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import complain, say
from mutualseg.terminal import json_line


def perform_push(arguments: dict[str, Any], as_json: bool) -> int:
    """Publish a run; print where it is."""
    done = api.push(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(done))
        return 0
    if "folder" in done:
        say(f"{', '.join(done['files'])} written to {done['folder']}; nothing was uploaded")
    else:
        say(f"{done['url']} (commit {done['commit'][:8]})")
        if done["private"]:
            say("only its owner sees it; make it public on its page, under Settings")
        say(f"use it with: mutualseg predict {done['address']} IMAGES --out masks/")
    for note in done["notes"]:
        complain(f"note: {note}")
    return 0
