"""The data of a run that was trained before, for what is made of it now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.errors import DataError, RunError
from mutualseg.resolving import reopen_data
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings


def reopen_run_data(folder: RunFolder, settings: Settings, data: str | None, *, quiet: bool) -> DataFolder:
    """Return a run's data folder, read as the run read it.

    Args:
        folder: of the run.
        settings: of the run.
        data: where the data folder is now, if it was moved.
        quiet: show no progress.

    Raises:
        DataError: the data are gone.
        RunError: they have other classes, or masks of another kind.
    """
    if data is not None:
        settings = replace(settings, data=str(Path(data).absolute()))
    try:
        source = reopen_data(settings, quiet=quiet)
    except DataError as error:
        if data is not None or Path(settings.data).exists():
            raise
        raise DataError(
            f"The data folder {settings.data} of the run is gone; say where it is now with --data."
        ) from error
    if folder.read_classes() != source.classes:
        raise RunError(
            f"{source.root} has the classes {', '.join(source.classes)}, but the run learned "
            f"{', '.join(folder.read_classes())}; restore the class list, or give the run's own data."
        )
    return source
