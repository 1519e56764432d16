"""Data folders opened by name: of a user, of a run as it read them, or others that a run is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.layouts import LAYOUTS
from mutualseg.data.layouts.reading import read_layout
from mutualseg.data.mask_codes import MaskCode
from mutualseg.errors import DataError, RunError
from mutualseg.reporting.progress import file_progress
from mutualseg.resolving import AUTO, GENERATED, require_whole_numbers
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings


def data_root(data: str) -> Path:
    """Return the folder that `--data` means, drawing the embedded data set if it is asked for."""
    if data == GENERATED:
        from mutualseg.data.generated import generated_folder

        return generated_folder()
    return Path(data)


def read_data(
    data: str,
    *,
    layout: str = AUTO,
    ignore: int | None = None,
    images: ImageCode = RGB,
    classes: Sequence[str] | None = None,
    skip_broken: bool = False,
    quiet: bool = False,
) -> DataFolder:
    """Return the data folder of `--data`; on a terminal a bar shows how far files are that are unpacked.

    Args:
        data: of `--data`.
        layout: of `--layout`.
        ignore: of `--ignore`.
        images: how images are read.
        classes: whose names annotations without a class list are drawn by, whatever the order or the numbers
            of their own labels.
        skip_broken: leave masks that cannot be read to whoever skips them.
        quiet: show no bar.

    Raises:
        ConfigError: `ignore` is no whole number, or there is no such layout.
        DataError: the folder is not one.
    """
    require_whole_numbers(ignore=ignore)
    root = data_root(data)
    with file_progress("unpacking", quiet=quiet) as progress:
        return read_layout(
            root,
            layout,
            ignore=ignore,
            images=images,
            progress=progress,
            classes=classes,
            skip_broken=skip_broken,
        )


def read_other_data(
    data: str, settings: Settings, classes: Sequence[str] | None = None, *, quiet: bool = False
) -> DataFolder:
    """Return a data folder that a run is measured on, read as its own is where it has the same layout.

    Args:
        data: the folder.
        settings: of the run.
        classes: of the run (see `read_data`).
        quiet: show no progress.
    """
    kin = LAYOUTS.get(settings.layout)
    return read_data(
        data,
        layout=settings.layout if kin is not None and kin.is_here(data_root(data)) else AUTO,
        ignore=settings.ignore,
        images=ImageCode.from_plain(settings.image_code),
        classes=classes,
        quiet=quiet,
    )


def reopen_data(settings: Settings, *, quiet: bool = False) -> DataFolder:
    """Return the data folder of a run that was started before, read as it was then.

    Raises:
        RunError: its masks have another code now.
    """
    found = read_data(
        settings.data,
        layout=settings.layout,
        ignore=settings.ignore,
        images=ImageCode.from_plain(settings.image_code),
        skip_broken=settings.on_bad_image == "skip",
        quiet=quiet,
    )
    if found.encoding.masks != MaskCode.from_plain(settings.mask_code):
        raise RunError(
            f"The masks of {found.root} hold their classes in another way than when the run was started; "
            "restore them, or train anew."
        )
    return found


def measured_data(
    settings: Settings, classes: Sequence[str], data: str | None, *, quiet: bool = False
) -> DataFolder:
    """Return what a run is measured on: its own data folder, or another one with its classes.

    Args:
        settings: of the run.
        classes: of the run.
        data: another folder, or where the run's own is now; None for the one that it knows.
        quiet: show no progress.

    Raises:
        DataError: it is not there, or has other classes.
        RunError: the run's own masks have another code now.
    """
    if data is None:
        source = reopen_data(settings, quiet=quiet)
    else:
        source = read_other_data(data, settings, classes, quiet=quiet)
    refuse_other_classes(source, classes)
    return source


def refuse_other_classes(source: DataFolder, classes: Sequence[str]) -> None:
    """Raise DataError if a folder has other classes than a network learned, or in another order."""
    if tuple(source.classes) != tuple(classes):
        raise DataError(
            f"{source.root} has the classes {', '.join(source.classes)}, but the network learned "
            f"{', '.join(classes)}; give data with the same classes in the same order."
        )


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
