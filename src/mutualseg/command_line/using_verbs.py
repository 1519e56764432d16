"""What the verbs that use a finished run do with their arguments, and what they print."""

from __future__ import annotations

from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import EXIT_SKIPS, complain, say
from mutualseg.predicting.saved_kinds import INDEX
from mutualseg.terminal import json_line


def perform_evaluate(arguments: dict[str, Any], as_json: bool) -> int:
    """Score a run; print the scores."""
    scores = api.evaluate(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(scores))
        return 0
    print(f"{scores['split']} mIoU {scores['miou']:.2f}, pixel accuracy {scores['pixel_accuracy']:.2f}")
    return 0


def perform_predict(arguments: dict[str, Any], as_json: bool) -> int:
    """Segment files; print how many files of each kind there are, and what was skipped."""
    done = api.predict(**arguments)
    if as_json:
        skipped = [{"file": str(path), "reason": reason} for path, reason in done.skipped]
        result = {"written": [str(path) for path in done.written], "skipped": skipped}
        if list(done.kinds) != [INDEX]:
            result["kinds"] = {kind: [str(path) for path in paths] for kind, paths in done.kinds.items()}
        print(json_line(result))
    else:
        counts = [_counted(len(paths), _CALLED[kind]) for kind, paths in done.kinds.items()]
        say(f"{', '.join(counts)} written to {arguments['out']}")
        for _, reason in done.skipped:
            complain(f"skipped: {reason}")
    return EXIT_SKIPS if done.skipped else 0


_CALLED = {
    INDEX: "mask",
    "color": "color picture",
    "overlay": "overlay",
    "confidence": "confidence map",
    "polygons": "polygon file",
}
"""What a file of each kind is called where they are counted."""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
