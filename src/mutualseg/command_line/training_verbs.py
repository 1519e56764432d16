"""What `train` and `compare` do with their arguments, and what they print."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutualseg import api
from mutualseg.api.training import next_run
from mutualseg.command_line.printing import EXIT_SKIPS, say
from mutualseg.engine.requeueing import is_requeued
from mutualseg.terminal import json_line, shown_lines


def perform_train(arguments: dict[str, Any], as_json: bool) -> int:
    """Train; print the result and where the pictures are."""
    from mutualseg.engine.processes import place_from

    place = place_from(os.environ)
    if place is None or place.leads:
        chosen = _run_folder(arguments)
        arguments = arguments | ({} if chosen is None else {"out": chosen})
    summary = api.train(**arguments)
    if place is not None and not place.leads:  # one of several speaks
        return 0
    if as_json:
        print(json_line(summary))
        return 0
    run = arguments["resume"] if isinstance(arguments.get("resume"), str) else arguments.get("out")
    best = "deployed is the best evaluation's," if summary["select"] == "best" else "best"
    print(
        f"mIoU {summary['miou']:.2f} ({summary['deployed']}, last step; {best} "
        f"{summary['miou_best']:.2f}) after {summary['steps']} steps in {summary['seconds'] / 60:.1f} min"
    )
    if summary.get("skipped_images"):
        plural = "s were" if len(summary["skipped_images"]) > 1 else " was"
        print(f"{len(summary['skipped_images'])} image{plural} skipped: {run}/skipped.csv lists the reasons")
    drawn = any((Path(str(run)) / "pseudo_labels").glob("*.png"))
    pseudo_labels = f", {run}/pseudo_labels/" if drawn else ""
    say(f"pictures: {run}/views.png{pseudo_labels}; all results: {run}/summary.json")
    if Path(str(run), "report.html").is_file():
        say(f"report: {run}/report.html")
    if "baseline" in summary:
        from mutualseg.engine.baseline import verdict_sentence

        say(verdict_sentence(summary))
    return 0


def _run_folder(arguments: Mapping[str, Any]) -> str | None:
    """Return `--out`, or what `train` would choose: what is printed in the end names it."""
    if arguments.get("out") is not None:
        return str(arguments["out"])
    if arguments.get("data") is None or any(map(arguments.get, ("resume", "overwrite"))) or is_requeued():
        return None
    return str(next_run(arguments["data"]))


def perform_compare(arguments: dict[str, Any], as_json: bool) -> int:
    """Train what is compared; print the table."""
    record = api.compare(**arguments)
    if as_json:
        print(json_line(record))
    else:
        from mutualseg.comparison.tables import table_text

        out = arguments["out"]
        print(shown_lines(table_text(record)))
        written = [name for name in ("table.md", "plot.png", "pictures.png") if Path(out, name).is_file()]
        say(f"{', '.join(f'{out}/{name}' for name in written)}; all results: {out}/comparison.json")
    own = [row for row in record["runs"] if row["run"] in record["asked"]]  # not of an earlier call
    return EXIT_SKIPS if any(row["status"] == "failed" or "test_reason" in row for row in own) else 0
