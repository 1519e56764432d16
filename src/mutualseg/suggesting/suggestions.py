"""What is said of each suggested image."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Suggestion:
    """One image to label."""

    rank: int
    """1 is the first to label."""
    image: Path
    line: str
    """How the list names it: from the data folder on, or the whole path of one that lies outside."""
    target: str
    """Its path below images/, with suffix, in what is written and in the data folder once it is labeled."""
    is_outside: bool
    """Whether the image is not a sample of the data folder, even if it lies in it."""
    score: float
    """The sum of `coverage` and `classes`."""
    coverage: float
    """How much better the chosen images stand for uncertain ones with it; 1 is the most of any at first."""
    classes: float
    """How much it adds to classes of which little is labeled; 1 is the most of any at first."""
    uncertainty: float
    """How unsure the networks are of it, weighted by how rare its classes are."""
    differing: float
    """Share of its pixels that the two opinions name differently, in [0, 1]."""
    rare: tuple[tuple[str, float], ...]
    """Classes rare among the labels that are predicted in it, with their share of its pixels in [0, 1]."""
    look_alike: bool
    """Whether it looks like a labeled image or one of a better rank."""

    @property
    def labeled_line(self) -> str:
        """Return how a list names it once it is labeled: one that was no sample is one then."""
        return f"images/{self.target}" if self.is_outside else self.line

    @property
    def mask(self) -> str:
        """Return the path of its mask below masks/."""
        return str(Path(self.target).with_suffix(".png").as_posix())

    def reason(self, *, are_two: bool) -> str:
        """Say in a line why it was chosen.

        Args:
            are_two: whether two networks were asked.
        """
        who = "networks differ" if are_two else "network and mirror image differ"
        parts = [f"{who} on {100 * self.differing:.1f} %"]
        if self.look_alike:
            parts.append("looks like another one")
        if self.rare:
            held = ", ".join(f"{name} {_percent(share)}" for name, share in self.rare[:_NAMED])
            parts.append(f"rare: {held}")
        return "; ".join(parts)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rank": self.rank,
            "image": self.line,
            "score": round(self.score, 4),
            "coverage": round(self.coverage, 4),
            "classes": round(self.classes, 4),
            "uncertainty": round(self.uncertainty, 6),
            "differing": round(self.differing, 6),
            "rare_classes": {name: round(share, 6) for name, share in self.rare},
            "look_alike": self.look_alike,
        }


_NAMED = 3
"""Classes that a reason names at most, the rarest ones."""
_COLUMNS = (
    "rank",
    "image",
    "score",
    "coverage",
    "classes",
    "uncertainty",
    "differing",
    "rare_classes",
    "look_alike",
)


def as_csv(suggestions: Iterable[Suggestion]) -> str:
    """Return a table with a row for each suggestion; classes stand as "name 0.0123; name 0.0045"."""
    held = io.StringIO(newline="")
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in suggestions:
        plain = one.to_plain()
        plain["rare_classes"] = "; ".join(f"{name} {share:.4f}" for name, share in one.rare)
        plain["look_alike"] = "yes" if one.look_alike else "no"
        writer.writerow([plain[column] for column in _COLUMNS])
    return held.getvalue()


def as_list(lines: Sequence[str]) -> str:
    """Return a list of images, one a line."""
    return "".join(f"{line}\n" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def line_of(image: Path, root: Path) -> str:
    """Return how a list names an image: from the data folder on, or by its whole path."""
    place, top = image.absolute(), root.absolute()
    line = place.relative_to(top).as_posix() if place.is_relative_to(top) else str(place)
    return f"./{line}" if line.startswith("#") else line  # such a line would be a comment
