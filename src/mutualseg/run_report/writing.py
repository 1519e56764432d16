"""Write the report of runs that are there, or of one that has just ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mutualseg.atomic_files import write_text
from mutualseg.errors import MutualSegError, RunError
from mutualseg.one_line import one_line
from mutualseg.reporting.console import RunConsole
from mutualseg.reporting.progress import file_progress
from mutualseg.run_report.given_paths import check_runs, names_of, target_of, without_repeats
from mutualseg.run_report.looking import Looked, look
from mutualseg.run_report.one_run import one_run_content
from mutualseg.run_report.page import render
from mutualseg.run_report.record import RunRecord, counted_role, read_record
from mutualseg.run_report.several_runs import several_runs_content
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import shell_line


def write_report(
    roots: Sequence[Path], *, out: Path | None, data: str | None, device: str = "auto", quiet: bool
) -> dict[str, Any]:
    """Write the report of one run or of several; see `mutualseg.report`."""
    roots = without_repeats(roots)
    check_runs(roots)
    records = [read_record(root, name) for root, name in zip(roots, names_of(roots), strict=True)]
    target = target_of(roots, out)
    looked: list[Looked | None] = []
    reasons: list[str | None] = []
    for record in records:
        with file_progress(f"looking at val of {record.name}"[:30], quiet=quiet) as progress:
            own, reason = _look(
                record, data, device, progress, None if len(roots) == 1 else counted_role(record)
            )
        looked.append(own)
        reasons.append(reason)
    try:
        if len(records) == 1:
            content = one_run_content(records[0], looked[0], reasons[0])
            page = render("one_run.html", content)
        else:
            content = several_runs_content(records, looked, reasons)
            page = render("several_runs.html", content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        names = ", ".join(str(root) for root in roots)
        raise RunError(
            f"The records of {names} hold what no run writes ({one_line(repr(error))}); restore summary.json "
            "and the tables beside it."
        ) from error
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, page, errors="backslashreplace")
    return {
        "report": str(target),
        "runs": [str(root) for root in roots],
        "images": sum(len(row.tiles) for row in content["pictures"]),
        "without_pictures": {
            str(root): reason for root, reason in zip(roots, reasons, strict=True) if reason is not None
        },
    }


def _look(
    record: RunRecord, data: str | None, device: str, advance: Callable[[int, int], None], role: str | None
) -> tuple[Looked | None, str | None]:
    """Return the run's network on its val images, or why there are no pictures.

    Alone a run is shown with the network that it deploys, beside others with the one that counts there: it
    is the network of the scores on the page.
    """
    if record.summary is None:
        return None, None  # that it is unfinished is said anyway
    try:
        return look(record, data, device=device, advance=advance, role=role), None
    except (MutualSegError, OSError) as error:
        if data is not None:  # the user said where they are
            raise
        reason = one_line(error).rstrip(".")
        return None, (
            f"There are no pictures and no confusion matrix, since the val images cannot be looked at: "
            f"{reason}. If the data are elsewhere now: {shell_line('report', record.root)} --data DIR"
        )


def leave_report(root: Path, *, quiet: bool) -> None:
    """Write RUN/report.html at the end of a training; if that fails, say so in a line: the run stays done.

    Args:
        root: the run folder; its run is finished.
        quiet: say nothing.
    """
    console = RunConsole(quiet=quiet)
    try:
        device = str(RunFolder(root).read_config().get("device", "auto"))
        done = write_report([root], out=None, data=None, device=device, quiet=quiet)
    except Exception as error:  # whatever it is: the network is trained and saved
        console.say(
            f"the report could not be written ({type(error).__name__}: {one_line(error)}); everything else "
            f"is done, and this makes it: {shell_line('report', root)}"
        )
        return
    for reason in done["without_pictures"].values():
        console.say(reason)
    above = RunFolder(root.absolute().parent)
    if above.report.is_file() and root.name in [folder.root.name for folder in above.distilled()]:
        leave_report(above.root, quiet=quiet)  # it has this run in a row, too
