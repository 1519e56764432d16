"""Write the report of runs that are there, or of one that has just ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mutualseg.atomic_files import write_text
from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError, MutualSegError, RunError
from mutualseg.one_line import one_line
from mutualseg.reporting.console import RunConsole
from mutualseg.reporting.progress import file_progress
from mutualseg.run_report.commands import line
from mutualseg.run_report.looking import Looked, look
from mutualseg.run_report.one_run import one_run_content
from mutualseg.run_report.page import GENERATOR, render
from mutualseg.run_report.record import RunRecord, read_record
from mutualseg.run_report.several_runs import several_runs_content
from mutualseg.runs import RunFolder

SEVERAL = "report.html"
"""Where the report of several runs is written if nobody says where: here."""


def write_report(
    roots: Sequence[Path], *, out: Path | None, data: str | None, device: str = "auto", quiet: bool
) -> dict[str, Any]:
    """Write the report of one run or of several; see `mutualseg.report`."""
    roots = _without_repeats(roots)
    for root in roots:
        if (root / "comparison.json").is_file():
            raise ConfigError(f"'{root}' is a comparison; give its runs: {line('report', root)}/runs/*")
    target = _target(roots, out)
    records = [read_record(root, name) for root, name in zip(roots, _names(roots), strict=True)]
    looked: list[Looked | None] = []
    reasons: list[str | None] = []
    for record in records:
        with file_progress(f"looking at val of {record.name}"[:30], quiet=quiet) as progress:
            own, reason = _look(record, data, device, progress)
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
    record: RunRecord, data: str | None, device: str, advance: Callable[[int, int], None]
) -> tuple[Looked | None, str | None]:
    """Return the run's network on its val images, or why there are no pictures."""
    if record.summary is None:
        return None, None  # that it is unfinished is said anyway
    try:
        return look(record, data, device=device, advance=advance), None
    except (MutualSegError, OSError) as error:
        if data is not None:  # the user said where they are
            raise
        reason = one_line(error).rstrip(".")
        return None, (
            f"There are no pictures and no confusion matrix, since the val images cannot be looked at: "
            f"{reason}. If the data are elsewhere now: {line('report', record.root)} --data DIR"
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
            f"is done, and this makes it: {line('report', root)}"
        )
        return
    for reason in done["without_pictures"].values():
        console.say(reason)
    above = RunFolder(root.absolute().parent)
    if above.report.is_file() and root.name in [folder.root.name for folder in above.distilled()]:
        leave_report(above.root, quiet=quiet)  # it has this run in a row, too


def _target(roots: Sequence[Path], out: Path | None) -> Path:
    """Return the file to write, which is a report already or not there.

    Raises:
        ConfigError: it is something else.
    """
    if out is None:
        out = RunFolder(roots[0]).report if len(roots) == 1 else Path(SEVERAL)
    if out.is_dir() or out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out {out} must be a file that ends in .html.")
    if out.exists() and not _is_report(out):
        raise ConfigError(f"'{out}' is there and no report of this program; name another file with --out.")
    if not out.parent.is_dir():
        out.parent.mkdir(parents=True, exist_ok=True)
    return out


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(1000)


def _without_repeats(roots: Sequence[Path]) -> list[Path]:
    found: Mapping[Path, Path] = {real_path(root): root for root in reversed(roots)}
    return sorted(found.values(), key=list(roots).index)


def _names(roots: Sequence[Path]) -> list[str | None]:
    """Return what tells runs apart: the ends of their paths, as long as it takes."""
    if len(roots) == 1:
        return [None]
    parts = [real_path(root).parts for root in roots]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            break
    return list(names)
