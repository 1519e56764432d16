"""What the doctor reports: findings with their cures, counts, and all of it as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mutualseg.data.samples import PARTS, Part

_WIDTH = 80
_FILES_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One kind of problem, however many files have it."""

    severity: Literal["error", "warning"]
    """A run refuses to start with an error; a warning is worth a look."""
    what: str
    count: int
    files: tuple[Path, ...]
    """The first few files, where the finding is about files."""
    cure: str


@dataclass(frozen=True)
class Report:
    """All that the doctor found out about a data folder."""

    root: Path
    findings: tuple[Finding, ...]
    """Errors first."""
    images: dict[Part, int]
    labeled: dict[Part, int]
    """Images with a mask."""
    further: int
    """Images of `--unlabeled` folders."""
    smallest: tuple[int, int] | None
    """(height, width) of the image with the fewest pixels; None if no image can be read."""
    largest: tuple[int, int] | None
    classes: tuple[str, ...]
    class_source: str
    """"classes.txt", "dataset.yaml", "masks", or "none" if no class list could be made."""
    class_pixels: tuple[int, ...]
    """Pixels of each class over all readable masks."""
    class_images: tuple[int, ...]
    """Masks that each class occurs in."""
    ignored_pixels: int

    @property
    def ok(self) -> bool:
        """Return whether there is no error; there may be warnings."""
        return all(finding.severity != "error" for finding in self.findings)


def make_finding(
    severity: Literal["error", "warning"],
    what: str,
    cure: str,
    files: list[Path] | None = None,
    count: int = 1,
) -> Finding:
    """Make a finding; the count is that of the files, if any are given."""
    files = files or []
    return Finding(severity, what, len(files) or count, tuple(files[:_FILES_SHOWN]), cure)


def finding_from_text(text: str, files: list[Path] | None = None) -> Finding:
    """Make an error of a message of the form "what; cure."."""
    what, _, cure = text.rstrip(".").rpartition("; ")
    return make_finding("error", what, cure, files)


def format_report(report: Report) -> str:
    """Return a report as plain text of 80 columns (only names too long to break may exceed them)."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"Data folder: {report.root}"
    if report.smallest and report.largest:
        yield f"Image sizes: {_size(report.smallest)} to {_size(report.largest)}"
    yield ""
    yield f"{'part':<12}{'images':>10}{'with mask':>12}{'without':>10}"
    for part in PARTS:
        images, labeled = report.images[part], report.labeled[part]
        yield f"{part:<12}{images:>10}{labeled:>12}{images - labeled:>10}"
    if report.further:
        yield f"{'--unlabeled':<12}{report.further:>10}{0:>12}{report.further:>10}"
    if report.classes:
        yield from _class_table(report)
    yield ""
    for finding in report.findings:
        yield from _finding_lines(finding)
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    yield f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}"


def _class_table(report: Report) -> Iterator[str]:
    total = sum(report.class_pixels)
    yield ""
    yield f"{len(report.classes)} classes (from {report.class_source})"
    yield f"{'index':>5}  {'name':<32}{'pixels':>14}{'share':>9}{'masks':>8}"
    rows = zip(report.classes, report.class_pixels, report.class_images, strict=True)
    for index, (name, pixels, images) in enumerate(rows):
        share = 100 * pixels / total if total else 0.0
        yield f"{index:>5}  {textwrap.shorten(name, 31):<32}{pixels:>14}{share:>8.2f}%{images:>8}"
    yield f"{255:>5}  {'(ignored)':<32}{report.ignored_pixels:>14}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    label = f"{finding.severity}: "
    times = f"{finding.count} x " if finding.count > 1 else ""
    yield from textwrap.wrap(
        f"{label}{times}{finding.what}", _WIDTH, subsequent_indent="  ", break_long_words=False
    )
    for path in finding.files:
        yield f"    {path}"
    if finding.count > len(finding.files) > 0:
        yield f"    and {finding.count - len(finding.files)} more"
    yield from textwrap.wrap(
        f"cure: {finding.cure}", _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False
    )
    yield ""


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
