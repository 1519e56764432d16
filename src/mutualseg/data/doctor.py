"""The doctor: everything that is wrong with a data folder, found in one go, each with its cure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.findings import Finding, Report, finding_from_text, format_report
from mutualseg.data.folder import load_listing, pair
from mutualseg.data.folder_findings import leak_findings, listing_findings, misnamed_findings, part_findings
from mutualseg.data.images import read_image
from mutualseg.data.mask_codes import IGNORE, INDICES, MaskCode
from mutualseg.data.mask_findings import find_classes, value_findings
from mutualseg.data.masks import size_problem
from mutualseg.data.samples import PARTS, Sample
from mutualseg.data.unlabeled import list_unlabeled
from mutualseg.errors import DataError

__all__ = ["Finding", "Report", "format_report", "inspect"]


@dataclass(frozen=True)
class _Look:
    """What one sample turned out to be."""

    sample: Sample
    size: tuple[int, int] | None
    histogram: npt.NDArray[np.int64] | None
    """Pixels per mask value, [256]; None without a readable mask."""
    problems: tuple[tuple[Path, str], ...]
    """A file and what is wrong with it, as "what; cure"."""


def inspect(
    root: Path,
    *,
    unlabeled: Sequence[Path] = (),
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Read every image and mask of a data folder and report all that is wrong.

    Args:
        root: Folder that holds images/ and masks/.
        unlabeled: Folders of further images.
        workers: Threads; None takes as many as there are processors.
        progress: Called with (files done, files in all) as they are read.

    Returns:
        The report; `report.ok` tells whether a run can start.

    Raises:
        DataError: There is nothing to inspect: no such folder, or no image in it.
    """
    images, masks = load_listing(root)
    findings = list(listing_findings(images, masks))
    samples = [sample for part in PARTS for sample in pair(images, masks, part)]
    further: Sequence[Sample] = ()
    try:
        further = list_unlabeled(unlabeled, [sample.name for sample in samples])
    except DataError as error:
        findings.append(finding_from_text(str(error)))
    found, class_findings = find_classes(root, [sample.mask for sample in samples if sample.mask])
    code = INDICES if found is None else found.code
    looks = []
    with ThreadPoolExecutor(workers) as pool:
        for look in pool.map(partial(_look, code=code), [*samples, *further]):
            looks.append(look)
            if progress:
                progress(len(looks), len(samples) + len(further))
    findings += _file_findings(looks)
    findings += part_findings(root, samples, further)
    findings += misnamed_findings(root)
    findings += leak_findings(samples, further)
    histograms = {look.sample: look.histogram for look in looks if look.histogram is not None}
    total = sum(histograms.values(), np.zeros(256, np.int64))
    classes, source = (found.names, found.source) if found is not None else ((), "none")
    findings += class_findings
    findings += value_findings(classes, histograms)
    sizes = sorted((look.size for look in looks if look.size), key=lambda size: size[0] * size[1])
    present = sum(((histogram > 0) for histogram in histograms.values()), np.zeros(256, np.int64))
    return Report(
        root=root,
        findings=tuple(sorted(findings, key=lambda finding: finding.severity != "error")),
        images={part: sum(sample.part == part for sample in samples) for part in PARTS},
        labeled={part: sum(s.part == part and s.mask is not None for s in samples) for part in PARTS},
        further=len(further),
        smallest=sizes[0] if sizes else None,
        largest=sizes[-1] if sizes else None,
        classes=classes,
        class_source=source,
        class_pixels=tuple(total[: len(classes)].tolist()),
        class_images=tuple(present[: len(classes)].tolist()),
        ignored_pixels=int(total[IGNORE]),
    )


def _look(sample: Sample, code: MaskCode) -> _Look:
    problems = []
    size = histogram = None
    try:
        height, width, _ = read_image(sample.image).shape
        size = (height, width)
    except DataError as error:
        problems.append((sample.image, _without_name(error, sample.image)))
    if sample.mask is not None:
        try:
            mask = code.read(sample.mask)
            histogram = np.bincount(mask.ravel(), minlength=256)
            mismatch = size_problem(mask.shape, size) if size else None
            if mismatch:
                problems.append((sample.mask, mismatch))
        except DataError as error:
            problems.append((sample.mask, _without_name(error, sample.mask)))
    return _Look(sample, size, histogram, tuple(problems))


def _file_findings(looks: Sequence[_Look]) -> Iterator[Finding]:
    """Join the files whose problems read alike but for numbers and what stands in brackets."""
    alike: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for look in looks:
        for path, problem in look.problems:
            kind = "mask" if path == look.sample.mask else "image"
            text = f"{kind} {problem}"
            alike[re.sub(r"\(.*\)|\d+", "", text)].append((path, text))
    for found in alike.values():
        yield finding_from_text(found[0][1], [path for path, _ in found])


def _without_name(error: DataError, path: Path) -> str:
    return str(error).removeprefix(f"{path} ")
