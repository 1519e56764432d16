"""Folders that are shaped like a public data set and hold the user's own classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mutualseg.data.catalog.entry import Entry
from mutualseg.data.class_files import read_class_file
from mutualseg.data.class_names import read_classes
from mutualseg.data.folder import DataFolder, a_few
from mutualseg.data.layouts.layout import Asked, assemble
from mutualseg.data.listing import Files
from mutualseg.data.pairing import index_files
from mutualseg.data.samples import Part
from mutualseg.errors import DataError


def names_agree(*known: Iterable[str]) -> Callable[[Path], bool]:
    """Return what tells whether a folder names the classes of a data set, or none.

    Tools spell some names in their own way: as many classes, at least half of them of the same name, agree.

    Args:
        known: The names of one edition of the data set each.
    """
    editions = [{name.casefold() for name in names} for names in known]

    def agree(home: Path) -> bool:
        try:
            named = read_class_file(home)
        except DataError:  # the user's own: who reads it says what is wrong
            return False
        if named is None:
            return True
        own = {name.casefold() for name in named.names}
        return any(len(own) == len(names) and 2 * len(own & names) >= len(own) for names in editions)

    return agree


def assemble_own(
    name: str, home: Path, asked: Asked, parts: Mapping[Part, tuple[Files, Files]], notes: Iterable[str] = ()
) -> DataFolder:
    """Return the data folder of images and masks that are paired by their names.

    Args:
        name: The layout's.
        home: Its folder, which may hold a class list.
        asked: What the user wants.
        parts: Images and masks; of masks without an image a note tells.
        notes: Further sentences for the user.

    Raises:
        DataError: No training image has a mask, or the class list is malformed.
        MaskError: The masks hold no usable classes.
    """
    mask_of = {part: masks.first_of_each() for part, (_, masks) in parts.items()}
    samples = {
        part: index_files(images, f"{part}/" if len(parts) > 1 else "", part, mask_of[part])
        for part, (images, _) in parts.items()
    }
    masked = [sample.mask for part in samples for sample in samples[part].labeled() if sample.mask]
    if not len(samples["train"].masked):
        return assemble(name, home, asked, Entry(()), train=samples["train"])  # which refuses it
    classes = read_classes(home, masked, ignore=asked.ignore, skip_broken=asked.skip_broken)
    stems = {part: set(images.stems) for part, (images, _) in parts.items()}
    orphans = [
        Path(mask) for part in parts for stem, mask in mask_of[part].items() if stem not in stems[part]
    ]
    left_out = f"{len(orphans)} masks have no image of the same name and are left out ({a_few(orphans)})."
    return assemble(
        name,
        home,
        asked,
        Entry(classes.names, classes.colors, classes.code),
        train=samples["train"],
        val=samples.get("val"),
        test=samples.get("test"),
        class_source=classes.source,
        notes=(*classes.notes, *notes, *([left_out] if orphans else [])),
    )
