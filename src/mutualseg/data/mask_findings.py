"""What the doctor finds in the values of all masks: the class list, strangers, absent classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mutualseg.data.class_files import read_class_file
from mutualseg.data.class_names import Classes, read_classes
from mutualseg.data.findings import Finding, finding_from_text, make_finding
from mutualseg.data.folder_survey import FolderSurvey
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.masks import foreign_values
from mutualseg.data.samples import PARTS
from mutualseg.data.value_counts import VALUES, Places
from mutualseg.errors import DataError


def find_classes(
    root: Path, masks: Sequence[Path], *, ignore: int | None = None
) -> tuple[Classes | None, list[Finding]]:
    """Return the classes and the code of a folder's masks, None if they cannot be told, and what is wrong.

    Masks that cannot be read are left out.
    """
    try:
        if not masks and read_class_file(root) is None:
            return None, []  # that there is no mask is found elsewhere
        return read_classes(root, masks, ignore=ignore, skip_broken=True), []
    except DataError as error:
        return None, [finding_from_text(str(error))]


def value_findings(classes: tuple[str, ...], survey: FolderSurvey) -> Iterator[Finding]:
    """Yield what is wrong with the values of the masks: strangers, empty masks, absent classes."""
    counts = survey.value_counts
    masks_with = {part: counts.among(survey.places(part)).masks() for part in PARTS}
    is_class = np.arange(VALUES) < IGNORE
    empty = np.setdiff1d(counts.places, counts.holding(is_class))
    present = np.flatnonzero(counts.masks()).tolist()
    strangers = foreign_values(present, len(classes)) if classes else []
    if strangers:
        files = sorted(_masks(survey, counts.holding(np.isin(np.arange(VALUES), strangers))))
        values = ", ".join(str(value) for value in strangers[:8]) + (", ..." if len(strangers) > 8 else "")
        yield make_finding(
            "error",
            f"mask holds values outside the {len(classes)} classes (0 to {len(classes) - 1}): {values}",
            "add the classes to classes.txt, name each class's value under `values` in dataset.yaml, or "
            "set such pixels to 255 (ignore)",
            files,
        )
    if len(empty):
        yield make_finding(
            "warning",
            "mask is empty: every pixel is 255 (ignore)",
            "label it, or remove the mask",
            _masks(survey, empty),
        )
    absent = [name for index, name in enumerate(classes) if not masks_with["train"][index]]
    if absent and masks_with["train"].any():  # where no mask can be read, other findings say why
        yield make_finding(
            "warning",
            f"class absent from all training masks: {', '.join(absent)}",
            "label an image that shows it, or take it off the class list",
            count=len(absent),
        )
    if masks_with["val"].any():
        absent = [
            name
            for index, name in enumerate(classes)
            if masks_with["train"][index] and not masks_with["val"][index]
        ]
        if absent:
            yield make_finding(
                "warning",
                f"class absent from val, so that it has no score: {', '.join(absent)}",
                "move an image that shows it to val",
                count=len(absent),
            )


def _masks(survey: FolderSurvey, places: Places) -> list[Path]:
    """Return the mask files of some samples."""
    return [sample.mask for sample in survey.samples.select(places) if sample.mask is not None]
