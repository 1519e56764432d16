"""What the doctor finds in the values of all masks: the class list, strangers, absent classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.class_names import counted_classes, named_classes
from mutualseg.data.findings import Finding, finding_from_text, make_finding
from mutualseg.data.masks import IGNORE, binary_problem, foreign_values
from mutualseg.data.samples import PARTS, Sample
from mutualseg.errors import DataError


def find_classes(root: Path, total: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], str, list[Finding]]:
    """Return class names, their source, and what is wrong with them."""
    values: list[int] = np.flatnonzero(total).tolist()
    findings = []
    binary = binary_problem(values)
    if binary:
        findings.append(finding_from_text(binary))
    try:
        named = named_classes(root)
        if named is not None:
            return *named, findings
    except DataError as error:
        findings.append(finding_from_text(str(error)))
    if binary or not values:
        return (), "none", findings
    try:
        return counted_classes(root, values), "masks", findings
    except DataError as error:
        return (), "none", [*findings, finding_from_text(str(error))]


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
