"""What the doctor reports: findings with their cures, counts, and what it changed in a cured copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from mutualseg.data.samples import Part

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One kind of problem, however many files have it."""

    severity: Severity
    """A run refuses to start with an error; a warning is worth a look; a note is good to know."""
    what: str
    count: int
    files: tuple[Path, ...]
    """All files that it is about, if it is about files."""
    cure: str
    like: tuple[Path, ...] = ()
    """For images that repeat others: which other, file by file."""


class Change(NamedTuple):
    """How a cured copy differs from its source in one file."""

    file: Path
    """Of the source."""
    what: str


@dataclass(frozen=True)
class CuredCopy:
    """What `check --fix` wrote."""

    root: Path
    images: int
    masks: int
    changes: tuple[Change, ...]
    """Every file that was left out, renamed or rewritten."""
    report: Report
    """On the copy itself."""


@dataclass(frozen=True)
class Report:
    """All that the doctor found out about a data folder."""

    root: Path
    findings: tuple[Finding, ...]
    """Errors first, then warnings, then notes."""
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
    kinds: tuple[tuple[str, int], ...] = ()
    """How many images there are of each kind, such as ("8-bit RGB", 12)."""
    copy: CuredCopy | None = None
    """What `--fix` wrote, if it was asked for."""
    sheet: Path | None = None
    """The picture that `--sheet` wrote, if it was asked for."""

    @property
    def ok(self) -> bool:
        """Return whether there is no error; there may be warnings."""
        return all(finding.severity != "error" for finding in self.findings)


def make_finding(
    severity: Severity,
    what: str,
    cure: str,
    files: Sequence[Path] = (),
    count: int = 1,
    like: Sequence[Path] = (),
) -> Finding:
    """Make a finding; the count is that of the files, if any are given."""
    return Finding(severity, what, len(files) or count, tuple(files), cure, tuple(like))


def finding_from_text(text: str, files: Sequence[Path] = ()) -> Finding:
    """Make an error of a message of the form "what; cure."."""
    what, _, cure = text.rstrip(".").rpartition("; ")
    return make_finding("error", what, cure, files)
