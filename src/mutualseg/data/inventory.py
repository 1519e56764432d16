"""What the doctor examines: the samples of a data folder of any layout, before a file of them is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.class_names import Classes
from mutualseg.data.findings import Finding
from mutualseg.data.folder import load_listing, pair
from mutualseg.data.folder_findings import listing_findings, misnamed_findings
from mutualseg.data.layouts import FOLDER
from mutualseg.data.layouts.layout import Progress
from mutualseg.data.layouts.reading import AUTO, find_layout, layouts_here, read_layout
from mutualseg.data.mask_findings import find_classes
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample


@dataclass(frozen=True)
class Inventory:
    """The samples of a data folder and what is known without opening images."""

    root: Path
    """Where the layout begins."""
    layout: str
    train: SampleIndex
    scored: SampleIndex
    """Images of val, then of test, with masks and without."""
    classes: Classes | None
    """None if they cannot be told."""
    findings: tuple[Finding, ...]


def take_inventory(
    root: Path, layout: str = AUTO, *, ignore: int | None = None, progress: Progress | None = None
) -> Inventory:
    """List a data folder.

    Args:
        root: The data folder.
        layout: Of `--layout`.
        ignore: A further mask value that means "class unknown".
        progress: Called with (files unpacked into the cache, files in all), by layouts that unpack.

    Raises:
        DataError: There is nothing to examine, or an annotation file or list of the layout is malformed.
        ConfigError: There is no such layout.
    """
    chosen = find_layout(layout) if layout != AUTO else next(iter(layouts_here(root)), FOLDER)
    if chosen is FOLDER:
        return _of_folder(root, ignore)
    found = read_layout(root, layout, ignore=ignore, progress=progress)
    measured: list[Sample] = [*found.val, *found.test, *found.unscored]
    measured.sort(key=lambda sample: (sample.part != "val", sample.name))
    classes = Classes(
        found.classes, found.class_source, found.encoding.masks, found.notes, colors=found.colors
    )
    return Inventory(
        found.root, found.layout, SampleIndex.of(found.train), SampleIndex.of(measured), classes, ()
    )


def _of_folder(root: Path, ignore: int | None) -> Inventory:
    """List images/ and masks/: what other layouts refuse becomes a finding here."""
    images, masks = load_listing(root)
    train = pair(images, masks, "train")
    scored = pair(images, masks, "val") + pair(images, masks, "test")
    labeled = [*train.labeled(), *scored.labeled()]
    classes, findings = find_classes(root, [sample.mask for sample in labeled if sample.mask], ignore=ignore)
    return Inventory(
        root,
        FOLDER.name,
        train,
        scored,
        classes,
        (*listing_findings(images, masks), *misnamed_findings(root), *findings),
    )
