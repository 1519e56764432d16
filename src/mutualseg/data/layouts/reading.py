"""`--layout`: the layout that is named, or the first that is here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.layouts import FOLDER, LAYOUTS, Layout
from mutualseg.data.layouts.layout import Progress
from mutualseg.errors import ConfigError, DataError
from mutualseg.nearest import unknown_name

AUTO = "auto"
ANNOTATED = ("labelme", "coco_json", "cvat")
"""Layouts of annotation files, which hardly anything but their content tells."""


def read_layout(
    root: Path,
    layout: str = AUTO,
    *,
    ignore: int | None = None,
    images: ImageCode = RGB,
    progress: Progress | None = None,
    classes: Sequence[str] | None = None,
    skip_broken: bool = False,
) -> DataFolder:
    """Read a data folder of any layout.

    Args:
        root: The data folder; a public data set may also begin in a folder of its usual name below it.
        layout: A name of `LAYOUTS`; "auto" takes images/ and masks/ if they are there, else the first of the
            other layouts that is.
        ignore: A further mask value that means "class unknown".
        images: How images are read.
        progress: Called with (files unpacked into the cache, files in all), by layouts that unpack.
        classes: Names in index order for annotations that come without a class list, such as those of the
            run that is measured; by default their own labels are the classes.
        skip_broken: Leave masks that cannot be read, and a few without an image, to whoever skips them.

    Raises:
        ConfigError: There is no layout of this name.
        DataError: What the layout needs is missing, or no layout is here.
        MaskError: Masks or annotations are not what the layout says.
    """
    if layout != AUTO:
        chosen = find_layout(layout)
        if chosen is FOLDER:  # which has its own words for all that may be missing
            return read_folder(root, ignore=ignore, images=images, skip_broken=skip_broken)
        return _read_named(chosen, root, ignore, images, progress, classes, skip_broken)
    here = layouts_here(root)
    if not here:
        return _read_unknown(root, ignore, images, skip_broken)
    found = here[0].read(
        root, ignore=ignore, images=images, progress=progress, classes=classes, skip_broken=skip_broken
    )
    notes = [note for note in (_public_note(found), _others_note(root, here)) if note is not None]
    return replace(found, notes=(*found.notes, *notes)) if notes else found


def _read_named(
    chosen: Layout,
    root: Path,
    ignore: int | None,
    images: ImageCode,
    progress: Progress | None,
    classes: Sequence[str] | None,
    skip_broken: bool,
) -> DataFolder:
    """Read a layout that the user has named; if it is not here, say which one is."""
    try:
        return chosen.read(
            root, ignore=ignore, images=images, progress=progress, classes=classes, skip_broken=skip_broken
        )
    except DataError as error:
        here = layouts_here(root) if root.is_dir() and chosen.home(root) is None else []
        if not here:
            raise
        raise DataError(
            f"{str(error).removesuffix('.')} (as it is, the folder can be read with --layout {here[0].name})."
        ) from None


def find_layout(name: str) -> Layout:
    """Return a layout by name; a ConfigError names the nearest if there is none."""
    if name not in LAYOUTS:
        raise ConfigError(unknown_name(f"--layout {name}", name, (*LAYOUTS, AUTO)))
    return LAYOUTS[name]


def layouts_here(root: Path) -> list[Layout]:
    """Return the layouts that a data folder fits, the one to take first.

    Beside images/ and masks/, and beside a public data set, no other kind is looked for.
    """
    if FOLDER.is_here(root) and _has_files(root / "masks"):
        return [FOLDER]
    public = [
        layout
        for name, layout in LAYOUTS.items()
        if name not in ANNOTATED and layout is not FOLDER and layout.is_here(root)
    ]
    return public or [LAYOUTS[name] for name in ANNOTATED if LAYOUTS[name].is_here(root)]


def _public_note(found: DataFolder) -> str | None:
    """Say that the classes are a public data set's, which the folder was taken for by its folder names."""
    if found.class_source != found.layout:
        return None
    own = f"{'voc' if found.layout.startswith('voc') else found.layout}_like"
    cure = (
        f"if these are classes of your own, add your class list to {found.root} (--layout {own})"
        if own in LAYOUTS
        else "if it is something else, say so with --layout"
    )
    return f"Read as {found.layout} with its {found.num_classes} classes; {cure}."


def _others_note(root: Path, here: list[Layout]) -> str | None:
    """Say what else the folder could be read as."""
    if here[0] is FOLDER:
        # Files beside images/ alone: looking through all images again would take long.
        near = [root / "annotations", *(path for path in root.iterdir() if path.suffix in (".json", ".xml"))]
        others = [LAYOUTS[name] for name in ANNOTATED if any(map(LAYOUTS[name].is_here, near))]
    else:
        others = here[1:]
    if not others:
        return None
    names = " and ".join(layout.name for layout in others)
    if here[0] is FOLDER:
        return f"masks/ is read, and not the annotations beside it (--layout {others[0].name} reads those)."
    return f"The folder is read as {here[0].name}, and could be as {names} too (--layout {others[0].name})."


def _read_unknown(root: Path, ignore: int | None, images: ImageCode, skip_broken: bool) -> DataFolder:
    """Raise what is wrong with images/ and masks/, and say which layouts there are besides."""
    try:
        return read_folder(root, ignore=ignore, images=images, skip_broken=skip_broken)
    except DataError as error:
        refused = (layout for layout in LAYOUTS.values() if layout.confirm and layout.home(root) is not None)
        if type(error) is DataError and (unsure := next(refused, None)) is not None:
            raise DataError(
                f"{root} has the folders of {unsure.name}, but other classes; give --layout {unsure.name} if "
                "that is what it is, else put the images into images/ and their masks into masks/."
            ) from None
        if type(error) is not DataError or not root.is_dir() or not _has_files(root):
            raise
        names = ", ".join(name for name in LAYOUTS if name != FOLDER.name)
        raise DataError(
            f"{str(error).removesuffix('.')} (or give a folder of another layout that is known: {names})."
        ) from None


def _has_files(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(True for _ in entries)
