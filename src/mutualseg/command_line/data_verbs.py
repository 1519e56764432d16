"""What `split` and `check` do with their arguments, and what they print."""

from __future__ import annotations

from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import EXIT_FAULT, say
from mutualseg.terminal import json_line, shown_lines


def perform_split(arguments: dict[str, Any], as_json: bool) -> int:
    """Choose labeled and held-out images; print what was chosen."""
    from mutualseg.data.class_shares import format_rows, rows_to_json

    made = api.split(**arguments)
    counts = {
        "labeled": len(made.labeled),
        "unlabeled": len(made.unlabeled),
        "val": len(made.val),
        "test": len(made.test),
    }
    if as_json:
        facts = {"notes": list(made.notes), "classes": rows_to_json(made.class_rows)}
        print(json_line({"out": arguments["out"], **counts, **facts}))
        return 0
    if made.class_rows:
        print(shown_lines(format_rows(made.class_rows)), end="\n\n")
    for note in made.notes:
        say(note)
    say(f"{', '.join(f'{count} {part}' for part, count in counts.items())} -> {arguments['out']}")
    return 0


def perform_check(arguments: dict[str, Any], as_json: bool) -> int:
    """Look a data folder over; print what was found."""
    from mutualseg.data.report_data import report_as_data
    from mutualseg.data.report_text import format_report

    report = api.check(**arguments)
    if as_json:
        print(json_line(report_as_data(report)))
    else:
        print(format_report(report))
    checked = report if report.copy is None else report.copy.report
    return 0 if checked.ok else EXIT_FAULT
