"""`compare`: run after run; what is known is written after each."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from mutualseg.comparison.in_hand import in_hand
from mutualseg.comparison.lock import locked
from mutualseg.comparison.on_test import score_on_test
from mutualseg.comparison.plot import draw_plot
from mutualseg.comparison.preparing import Comparison
from mutualseg.comparison.record import stamp_of, write_record
from mutualseg.comparison.running import Train, can_go_on, perform
from mutualseg.comparison.sample_pictures import draw_samples
from mutualseg.comparison.stopping import stopping_in_order
from mutualseg.comparison.tables import table_markdown
from mutualseg.engine.signals import LateSignal
from mutualseg.errors import Interrupted, RunError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder


def perform_all(comparison: Comparison, train: Train) -> dict[str, Any]:
    """Train what is not finished, and return and write the record.

    Raises:
        RunError: another process compares in the same folder.
        Interrupted: a signal came; the run that was going on has saved, unless it came twice.
    """
    out, rows = comparison.out, comparison.rows
    console = RunConsole(quiet=comparison.shared.quiet)
    late = LateSignal()
    with locked(out), stopping_in_order(late):
        if stamp_of(out) != comparison.stamp:
            raise RunError(f"Another compare has just changed --out {out}; call the same command again.")
        record = _write(comparison)
        for index, run in enumerate(comparison.runs, start=1):
            place = f"run {index} of {len(comparison.runs)}: {run.name}"
            if rows[run.place]["status"] == "finished":
                console.say(f"{place} is finished already")
            else:
                console.say(place + (" goes on" if can_go_on(RunFolder(out / run.place)) else ""))
                if run.place == comparison.killed:
                    console.say("the last call was killed with this run, so it comes after the others")
                with in_hand(out, run.place):
                    rows[run.place] = perform(run, out, comparison.shared, train)
            row = rows[run.place]
            if comparison.part == "test" and row["status"] == "finished" and "test_miou" not in row:
                row |= score_on_test(row, RunFolder(out / run.place), comparison.source, comparison.shared)
            record = _write(comparison)
            if row["status"] == "failed":
                console.say(f"{run.name} failed: {row['reason']}")
            if "test_reason" in row:
                console.say(f"{run.name} has no score on test: {row['test_reason']}")
            if late.received is not None:
                raise Interrupted(signal.Signals(late.received).name)
        _draw(comparison, record)
    return record


def _write(comparison: Comparison) -> dict[str, Any]:
    record = write_record(
        comparison.out,
        comparison.settings,
        list(comparison.rows.values()),
        asked=[run.place for run in comparison.runs],
        part=comparison.part,
    )
    (comparison.out / "table.md").write_text(table_markdown(record), encoding="utf-8")
    return record


def _draw(comparison: Comparison, record: Mapping[str, Any]) -> None:
    draw_plot(record, comparison.out / "plot.png")
    draw_samples(
        record,
        comparison.amounts[0].split.val,
        comparison.source.classes,
        comparison.out,
        comparison.out / "pictures.png",
    )
