"""`report`: a page to look at, of one run or of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutualseg.api.arguments import own_run
from mutualseg.errors import ConfigError


def report(
    runs: str | Sequence[str], *, out: str | None = None, data: str | None = None, quiet: bool = False
) -> dict[str, Any]:
    """Write a report as one HTML file that loads nothing from anywhere; several runs stand side by side.

    It has the scores beside those of the labels-only twin, curves, the pseudo-labels, the confusion matrix,
    the best, median and worst val images, warnings, the configuration, and commands to repeat the run.

    Args:
        runs: Run folders that `train` wrote. Of an unfinished one the report has what there is.
        out: HTML file to write; report.html in the run folder if not given, of several runs report.html here.
        data: Where the data folder is now, if it was moved. Without data there are no pictures.
        quiet: Show no progress.

    Returns:
        report (the file), runs, images (how many pictures of val images there are), and without_pictures: by
        run, why there are none.

    Raises:
        MutualSegError: a run cannot be read, `data` is not its data, or the file may not be written.
    """
    roots = [own_run(run, "report") for run in ([runs] if isinstance(runs, str | Path) else runs)]
    if not roots:
        raise ConfigError("report needs a run folder; give the --out of a train.")
    from mutualseg.run_report.writing import write_report

    return write_report(roots, out=None if out is None else Path(out), data=data, quiet=quiet)
