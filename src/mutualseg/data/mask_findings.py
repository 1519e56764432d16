"""What the doctor finds in the values of all masks: the class list, strangers, absent classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.class_names import Classes, read_classes
from mutualseg.data.findings import Finding, finding_from_text, make_finding
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.masks import foreign_values
from mutualseg.data.samples import PARTS, Sample
from mutualseg.errors import DataError


def find_classes(
    root: Path, masks: Sequence[Path], *, ignore: int | None = None
) -> tuple[Classes | None, list[Finding]]:
    """Return the classes and the code of a folder's masks, None if they cannot be told, and what is wrong.

    Masks that cannot be read are left out.
    """
    try:
        return read_classes(root, masks, ignore=ignore, skip_broken=True), []
    except DataError as error:
        return None, [finding_from_text(str(error))]


def value_findings(
    classes: tuple[str, ...], histograms: dict[Sample, npt.NDArray[np.int64]]
) -> Iterator[Finding]:
    """Yield what is wrong with the values of the masks: strangers, empty masks, absent classes."""
    strangers: dict[int, list[Path]] = defaultdict(list)
    empty = []
    seen: dict[str, npt.NDArray[np.bool_]] = {part: np.zeros(256, bool) for part in PARTS}
    for sample, histogram in histograms.items():
        if sample.mask is None:
            continue
        seen[sample.part] |= histogram > 0
        if not histogram[:IGNORE].any():
            empty.append(sample.mask)
        if classes:
            for value in foreign_values(np.flatnonzero(histogram).tolist(), len(classes)):
                strangers[value].append(sample.mask)
    if strangers:
        files = sorted({path for paths in strangers.values() for path in paths})
        values = ", ".join(str(value) for value in sorted(strangers)[:8]) + (
            ", ..." if len(strangers) > 8 else ""
        )
        yield make_finding(
            "error",
            f"mask holds values outside the {len(classes)} classes (0 to {len(classes) - 1}): {values}",
            "add the classes to classes.txt, or set such pixels to 255 (ignore)",
            files,
        )
    if empty:
        yield make_finding(
            "warning", "mask is empty: every pixel is 255 (ignore)", "label it, or remove the mask", empty
        )
    absent = [name for index, name in enumerate(classes) if not seen["train"][index]]
    if absent:
        yield make_finding(
            "warning",
            f"class absent from all training masks: {', '.join(absent)}",
            "label an image that shows it, or take it off the class list",
            count=len(absent),
        )
    if seen["val"].any():
        absent = [
            name for index, name in enumerate(classes) if seen["train"][index] and not seen["val"][index]
        ]
        if absent:
            yield make_finding(
                "warning",
                f"class absent from val, so that it has no score: {', '.join(absent)}",
                "move an image that shows it to val",
                count=len(absent),
            )
