"""What `export` does with its arguments, and what it prints."""

from __future__ import annotations

from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import say
from mutualseg.terminal import json_line


def perform_export(arguments: dict[str, Any], as_json: bool) -> int:
    """Export a network; print where it is and how close it is to the one it was made of."""
    done = api.export(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(done))
        return 0
    parity = done["parity"]
    say(f"{done['file']}: {_megabytes(done['bytes'])}, images of any size and number")
    say(
        f"same as in PyTorch on {parity['images']} {parity['source']} and {len(parity['shapes'])} batches: "
        f"{parity['agreement']:.4f} % of"
    )
    return 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
