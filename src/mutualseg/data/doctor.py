"""The doctor: everything that is wrong with a data folder, found in one go, each with its cure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mutualseg.data.any_image import any_reader
from mutualseg.data.class_names import Classes
from mutualseg.data.findings import SEVERITIES, Finding, Report, finding_from_text, make_finding
from mutualseg.data.folder_findings import list_findings, part_findings
from mutualseg.data.folder_survey import FolderSurvey, Progress, ReadImage, ReadMask, survey_folder
from mutualseg.data.image_findings import image_findings
from mutualseg.data.inventory import take_inventory
from mutualseg.data.layouts.reading import AUTO
from mutualseg.data.mask_codes import IGNORE, INDICES
from mutualseg.data.mask_findings import value_findings
from mutualseg.data.rare_classes import rare_class_findings
from mutualseg.data.repeat_findings import repeat_findings
from mutualseg.data.report_text import format_report
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS
from mutualseg.data.unlabeled import find_unlabeled
from mutualseg.errors import DataError
from mutualseg.machine import cores

__all__ = ["Examination", "Finding", "Report", "examine", "format_report", "inspect"]


class Examination(NamedTuple):
    """What a cured copy or a picture sheet is made from."""

    survey: FolderSurvey
    report: Report
    classes: Classes | None
    """None if they cannot be told."""
    read_mask: ReadMask


def inspect(
    root: Path,
    *,
    unlabeled: Sequence[Path] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    read_image: ReadImage | None = None,
    read_mask: ReadMask | None = None,
    layout: str = AUTO,
    ignore: int | None = None,
) -> Report:
    """Read every image and mask of a data folder and report all that is wrong.

    Args:
        root: The data folder.
        unlabeled: Folders of further images.
        workers: Threads; None takes as many as there are processors.
        progress: Called with (files done, files in all) as they are read.
        read_image: Decodes an image file; None reads those of any kind.
        read_mask: Decodes a mask file into class indices; None finds out how from class list and masks.
        layout: How the folder is laid out; "auto" finds out.
        ignore: A further mask value that means "class unknown".

    Returns:
        The report; `report.ok` tells whether a run can start.

    Raises:
        DataError: There is nothing to inspect: no such folder, or no image in it.
    """
    return examine(
        root,
        unlabeled=unlabeled,
        workers=workers,
        progress=progress,
        read_image=read_image,
        read_mask=read_mask,
        layout=layout,
        ignore=ignore,
    ).report


def examine(
    root: Path,
    *,
    unlabeled: Sequence[Path] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    read_image: ReadImage | None = None,
    read_mask: ReadMask | None = None,
    layout: str = AUTO,
    ignore: int | None = None,
) -> Examination:
    """Do what `inspect` does, and return what was seen of each file beside the report."""
    inventory = take_inventory(root, layout, ignore=ignore, progress=progress)
    root, found, findings = inventory.root, inventory.classes, list(inventory.findings)
    samples = inventory.train + inventory.scored
    further = SampleIndex.empty()
    try:
        named = find_unlabeled(unlabeled, root, inventory.train, inventory.scored)
        further = named.outside
        findings += list_findings(named.lists)
    except DataError as error:
        findings.append(finding_from_text(str(error)))
    code = INDICES if found is None else found.code
    read_mask = read_mask or code.read
    read_image = read_image or any_reader()
    seen = survey_folder(
        samples,
        further,
        read_image=read_image,
        read_mask=read_mask,
        workers=workers or cores(),
        progress=progress,
    )
    findings += _file_findings(seen)
    findings += part_findings(root, samples, further)
    findings += image_findings(seen)
    total, present = seen.value_counts.total(), seen.value_counts.masks()
    classes, source = (found.names, found.source) if found is not None else ((), "none")
    for note in found.notes if found is not None else ():
        findings.append(
            make_finding("note", note.rstrip("."), "nothing needs doing if that is what they mean")
        )
    for doubt in found.warnings if found is not None else ():
        what, _, cure = doubt.rstrip(".").rpartition("; ")
        findings.append(make_finding("warning", what, cure))
    findings += value_findings(classes, seen)
    findings += rare_class_findings(classes, seen.value_counts.among(seen.places("train")))
    findings += repeat_findings(seen, root, unlabeled)
    counts = {part: len(seen.places(part)) for part in PARTS}
    counts["train"] -= len(further)
    report = Report(
        root=root,
        layout=inventory.layout,
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
        images=counts,
        labeled={part: len(np.intersect1d(seen.places(part), samples.masked)) for part in PARTS},
        further=len(further),
        smallest=_extreme(seen, -1),
        largest=_extreme(seen, 1),
        classes=classes,
        class_source=source,
        class_pixels=tuple(total[: len(classes)].tolist()),
        class_images=tuple(present[: len(classes)].tolist()),
        ignored_pixels=int(total[IGNORE]),
        kinds=tuple((name, int((seen.kinds == number).sum())) for number, name in enumerate(seen.kind_names)),
    )
    return Examination(seen, report, found, read_mask)


def _extreme(seen: FolderSurvey, sign: int) -> tuple[int, int] | None:
    """Return (height, width) of the image with the most pixels, or with the fewest if the sign is -1."""
    sizes = seen.size[seen.readable].astype(np.int64)
    if not len(sizes):
        return None
    height, width = sizes[(sign * sizes.prod(axis=1)).argmax()].tolist()
    return height, width


def _file_findings(seen: FolderSurvey) -> Iterator[Finding]:
    """Join the files whose problems read alike but for numbers and what stands in brackets."""
    alike: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for place, path, problem in seen.problems:
        kind = "mask" if path != seen.samples[place].image else "image"
        text = f"{kind} {problem}"
        alike[re.sub(r"\(.*\)|\d+", "", text)].append((path, text))
    for found in alike.values():
        yield finding_from_text(found[0][1], [path for path, _ in found])
