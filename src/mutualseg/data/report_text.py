"""The doctor's report as text for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from mutualseg.data.findings import CuredCopy, Finding, Report
from mutualseg.data.layouts import FOLDER
from mutualseg.data.samples import PARTS
from mutualseg.shell_lines import shell_line
from mutualseg.terminal import shown

_WIDTH = 80
_FILES_SHOWN = 3
_CHANGES_SHOWN = 20


def format_report(report: Report) -> str:
    """Return a report as plain text of 80 columns (only names too long to break may exceed them)."""
    return "\n".join(map(shown, _lines(report))) + "\n"


def _lines(report: Report) -> Iterator[str]:
    layout = "" if report.layout == FOLDER.name else f" (layout {report.layout})"
    yield f"Data folder: {shown(str(report.root))}{layout}"
    if report.smallest and report.largest:
        yield f"Image sizes: {_size(report.smallest)} to {_size(report.largest)}"
    if report.kinds:
        yield from _wrapped(
            f"Image kinds: {', '.join(f'{count} x {kind}' for kind, count in report.kinds)}", "  "
        )
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
    if not report.ok and report.copy is None:
        yield from _wrapped(
            f"{shell_line('check', report.root)} --fix OUT writes a copy without what is broken",
            "  ",
        )
        yield ""
    yield _counted(report)
    if report.sheet:
        yield f"picture: {report.sheet}"
    if report.copy:
        yield ""
        yield from _copy_lines(report.copy)


def _counted(report: Report) -> str:
    counts = Counter(finding.severity for finding in report.findings)
    text = f"{_plural(counts['error'], 'error')}, {_plural(counts['warning'], 'warning')}"
    return f"{text}, {_plural(counts['note'], 'note')}" if counts["note"] else text


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
    times = f"{finding.count} x " if finding.count > 1 else ""
    yield from _wrapped(f"{finding.severity}: {times}{shown(finding.what)}", "  ")
    for number, path in enumerate(finding.files[:_FILES_SHOWN]):
        yield f"    {shown(str(path))}"
        if finding.like:
            yield f"      like {shown(str(finding.like[number]))}"
    if finding.count > _FILES_SHOWN and len(finding.files) > _FILES_SHOWN:
        yield f"    and {finding.count - _FILES_SHOWN} more"
    yield from _wrapped(f"  cure: {shown(finding.cure)}", "    ")
    yield ""


def _copy_lines(copy: CuredCopy) -> Iterator[str]:
    yield f"Cured copy: {copy.root}"
    yield (
        f"{_plural(copy.images, 'image')} and {_plural(copy.masks, 'mask')} written; "
        f"{_plural(len(copy.changes), 'file')} changed or left out"
    )
    for change in copy.changes[:_CHANGES_SHOWN]:
        yield f"    {shown(str(change.file))}"
        yield from _wrapped(f"      {shown(change.what)}", "      ")
    if len(copy.changes) > _CHANGES_SHOWN:
        yield f"    and {len(copy.changes) - _CHANGES_SHOWN} more"
    yield f"all of them: {copy.root / 'FIXED.txt'}"
    yield f"the copy has {_counted(copy.report)}"
    for finding in copy.report.findings:
        if finding.severity == "error":
            yield from _finding_lines(finding)


def _wrapped(text: str, indent: str) -> list[str]:
    """Break a text into lines, never inside a word: options and patterns stay whole."""
    start = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.lstrip(),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
