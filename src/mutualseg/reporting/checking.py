"""`mutualseg check`: the examination with its progress bars, the picture and the cured copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutualseg.data.cured_copy import require_empty_place, write_cured_copy
from mutualseg.data.doctor import examine, inspect
from mutualseg.data.findings import CuredCopy, Report
from mutualseg.data.image_codes import read_stored
from mutualseg.data.layouts.reading import AUTO
from mutualseg.reporting.progress import file_progress
from mutualseg.reporting.sample_sheet import require_picture_file, write_sample_sheet


def check_folder(
    root: Path,
    *,
    layout: str = AUTO,
    ignore: int | None = None,
    unlabeled: Sequence[Path] = (),
    fix: Path | None = None,
    sheet: Path | None = None,
    quiet: bool = False,
) -> Report:
    """Examine a data folder; write a picture and a cured copy of it where they are asked for.

    Args:
        root: The data folder.
        layout: How it is laid out; "auto" finds out.
        ignore: A further mask value that means "class unknown".
        unlabeled: Folders of further images.
        fix: Where the cured copy goes.
        sheet: Where the picture goes.
        quiet: Show no progress.

    Raises:
        DataError: There is nothing to look at.
        ConfigError: `fix` or `sheet` cannot be written; nothing was.
    """
    read_only = [root, *unlabeled]
    if fix is not None:
        require_empty_place(fix, read_only)
    if sheet is not None:
        require_picture_file(sheet, read_only)
    with file_progress("checking", quiet=quiet) as progress:
        examined = examine(
            root,
            layout=layout,
            ignore=ignore,
            unlabeled=unlabeled,
            progress=progress,
            read_image=read_stored,
        )
    report = examined.report
    if sheet is not None and write_sample_sheet(examined, read_stored, sheet):
        report = replace(report, sheet=sheet)
    if fix is not None:
        with file_progress("copying", quiet=quiet) as progress:
            written = write_cured_copy(examined, fix, progress)
        with file_progress("checking the copy", quiet=quiet) as progress:
            own = inspect(fix, progress=progress, read_image=read_stored)
        copy = CuredCopy(fix, written.images, written.masks, written.changes, own)
        report = replace(report, copy=copy)
    return report
