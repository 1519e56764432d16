"""The doctor's report as data for programs: what `check --json` prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from mutualseg.data.findings import SEVERITIES, Finding, Report


def report_as_data(report: Report) -> dict[str, Any]:
    """Return a report as dicts, lists, texts and numbers; nothing of it is shortened."""
    counts = Counter(finding.severity for finding in report.findings)
    found: dict[str, Any] = {
        "ok": report.ok,
        "root": str(report.root),
        "counts": {f"{severity}s": counts[severity] for severity in SEVERITIES},
        "findings": [_finding(finding) for finding in report.findings],
        "images": dict(report.images),
        "labeled": dict(report.labeled),
        "further": report.further,
        "smallest": _list(report.smallest),
        "largest": _list(report.largest),
        "kinds": dict(report.kinds),
        "classes": {
            name: {"pixels": pixels, "images": images}
            for name, pixels, images in zip(
                report.classes, report.class_pixels, report.class_images, strict=True
            )
        },
        "class_source": report.class_source,
        "ignored_pixels": report.ignored_pixels,
    }
    if report.sheet:
        found["sheet"] = str(report.sheet)
    if report.copy:
        found["fixed"] = {
            "out": str(report.copy.root),
            "images": report.copy.images,
            "masks": report.copy.masks,
            "changes": [{"file": str(change.file), "what": change.what} for change in report.copy.changes],
            "report": report_as_data(report.copy.report),
        }
    return found


def _finding(finding: Finding) -> dict[str, Any]:
    found = {
        "severity": finding.severity,
        "what": finding.what,
        "count": finding.count,
        "files": _texts(finding.files),
        "cure": finding.cure,
    }
    return found | {"like": _texts(finding.like)} if finding.like else found


def _texts(paths: tuple[Path, ...]) -> list[str]:
    return [str(path) for path in paths]


def _list(size: tuple[int, int] | None) -> list[int] | None:
    return None if size is None else list(size)
