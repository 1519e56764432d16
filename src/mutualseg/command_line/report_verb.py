"""What `report` does with its arguments, and what it prints."""

from __future__ import annotations

from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import complain, say
from mutualseg.terminal import json_line


def perform_report(arguments: dict[str, Any], as_json: bool) -> int:
    """Write the report; print where it is, and why it lacks pictures."""
    done = api.report(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(done))
        return 0
    for reason in done["without_pictures"].values():
        complain(reason)
    say(f"report: {done['report']}")
    return 0
