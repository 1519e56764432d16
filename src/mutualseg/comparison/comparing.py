"""`compare`: run after run, or several at a time; what is known is written after each."""

from __future__ import annotations

import signal
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from mutualseg.atomic_files import write_text
from mutualseg.comparison.in_hand import forget_killed, in_hand
from mutualseg.comparison.lock import locked
from mutualseg.comparison.on_test import score_on_test
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.plot import draw_plot
from mutualseg.comparison.preparing import Comparison
from mutualseg.comparison.record import stamp_of, write_record
from mutualseg.comparison.running import Train, can_go_on, perform
from mutualseg.comparison.sample_pictures import draw_samples
from mutualseg.comparison.side_by_side import perform_several
from mutualseg.comparison.stopping import stopping_in_order
from mutualseg.comparison.tables import table_markdown
from mutualseg.engine.late_signals import LateSignal
from mutualseg.errors import Interrupted, RunError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder


def perform_all(comparison: Comparison, train: Train, *, jobs: int = 1) -> dict[str, Any]:
    """Train what is not finished, `jobs` runs at a time, and return and write the record.

    Raises:
        RunError: another process compares in the same folder.
        Interrupted: a signal came; the runs that were going on have saved, unless it came twice.
    """
    out, rows = comparison.out, comparison.rows
    console = RunConsole(quiet=comparison.shared.quiet)
    late = LateSignal()
    with locked(out) as lock, stopping_in_order(late):
        if stamp_of(out) != comparison.stamp:
            raise RunError(f"Another compare has just changed --out {out}; call the same command again.")
        record = _write(comparison)
        ended = (
            _side_by_side(comparison, train, console, jobs, lock)
            if jobs > 1
            else _in_turn(comparison, train, console)
        )
        with closing(ended):
            for run in ended:
                row = rows[run.place]
                if comparison.part == "test" and row["status"] == "finished" and "test_miou" not in row:
                    row |= score_on_test(
                        row, RunFolder(out / run.place), comparison.source, comparison.shared
                    )
                record = _write(comparison)
                if row["status"] == "failed":
                    console.say(f"{run.name} failed: {row['reason']}")
                if "test_reason" in row:
                    console.say(f"{run.name} has no score on test: {row['test_reason']}")
                if late.received is not None:
                    raise Interrupted(signal.Signals(late.received).name)
        _draw(comparison, record)
    return record


def _in_turn(comparison: Comparison, train: Train, console: RunConsole) -> Generator[PlannedRun, None, None]:
    """Perform run after run in this process, and yield each when its row is known."""
    for run in comparison.runs:
        if _announced(comparison, run, console):
            with in_hand(comparison.out, run.place):
                comparison.rows[run.place] = perform(run, comparison.out, comparison.shared, train)
        yield run


def _side_by_side(
    comparison: Comparison, train: Train, console: RunConsole, jobs: int, lock: int
) -> Generator[PlannedRun, None, None]:
    """Perform several runs at a time, and yield each when its row is known."""
    left = []
    for run in comparison.runs:
        if comparison.rows[run.place]["status"] != "finished":
            left.append(run)
            continue
        _announced(comparison, run, console)
        yield run
    forget_killed(comparison.out)
    events = perform_several(
        left,
        comparison.out,
        comparison.shared,
        train,
        jobs=jobs,
        lock=lock,
        images=comparison.source.encoding.images,
    )
    with closing(events):
        for run, row in events:
            if row is None:
                _announced(comparison, run, console)
                continue
            comparison.rows[run.place] = row
            if row["status"] == "finished":
                console.say(f"{run.name}: mIoU {row['miou']:.2f} after {row['minutes']:.1f} min")
            yield run


def _announced(comparison: Comparison, run: PlannedRun, console: RunConsole) -> bool:
    """Say what becomes of a run now, and return whether it is to be trained."""
    places = [one.place for one in comparison.runs]
    place = f"run {1 + places.index(run.place)} of {len(places)}: {run.name}"
    if comparison.rows[run.place]["status"] == "finished":
        console.say(f"{place} is finished already")
        return False
    console.say(place + (" goes on" if can_go_on(RunFolder(comparison.out / run.place)) else ""))
    if run.place == comparison.killed:
        console.say("the last call was killed with this run, so it comes after the others")
    return True


def _write(comparison: Comparison) -> dict[str, Any]:
    record = write_record(
        comparison.out,
        comparison.settings,
        list(comparison.rows.values()),
        asked=[run.place for run in comparison.runs],
        part=comparison.part,
    )
    write_text(comparison.out / "table.md", table_markdown(record))
    return record


def _draw(comparison: Comparison, record: Mapping[str, Any]) -> None:
    draw_plot(record, comparison.out / "plot.png")
    draw_samples(
        record,
        comparison.amounts[0].split.val,
        comparison.source.classes,
        comparison.out,
        comparison.out / "pictures.png",
        encoding=comparison.source.encoding,
        colors=comparison.source.colors,
    )
