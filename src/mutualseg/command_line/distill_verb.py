"""What `distill` does with its arguments, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutualseg import api
from mutualseg.api.distilling import next_distilled
from mutualseg.command_line.printing import say
from mutualseg.shell_lines import shell_line
from mutualseg.terminal import json_line


def perform_distill(arguments: dict[str, Any], as_json: bool) -> int:
    """Distill; print the small network beside the one of the run that taught it."""
    out = arguments["out"] or str(next_distilled(arguments["run"], overwrite=arguments["overwrite"]))
    summary = api.distill(**arguments | {"out": out, "quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(summary))
        return 0
    for line in table_of(summary):
        say(line)
    say(f"use it: {shell_line('predict', out)} IMAGES --out masks/")
    if Path(out, "report.html").is_file():
        say(f"report: {out}/report.html")
    return 0


def table_of(summary: dict[str, Any]) -> list[str]:
    """Return a distilled run and the run that taught it as lines of a table."""
    taught_by = summary["distilled_from"]
    rows = [
        ("", "val mIoU", "parameters", "per image"),
        _row(f"taught: {summary['encoder']}", summary),
        _row(f"teaches: {taught_by['encoder']}", taught_by),
    ]
    width = max(len(row[0]) for row in rows)
    height, breadth = summary["image_size"]
    return [
        *(
            f"{name:<{width}}  {miou:>8}  {parameters:>10}  {time:>9}".rstrip()
            for name, miou, parameters, time in rows
        ),
        f"(per image of {breadth} x {height} pixels on {summary['device']})",
    ]


def _row(name: str, facts: dict[str, Any]) -> tuple[str, str, str, str]:
    size = f"{facts['parameters'] / 1e6:.2f} M"
    return name, f"{facts['miou']:.2f}", size, f"{facts['milliseconds_per_image']:.0f} ms"
