"""Text files of image names, as the published code bases write them: one image a line, or image and mask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.file_sizes import NAMES, refuse_larger_than_memory
from mutualseg.data.samples import is_image_file
from mutualseg.errors import SplitError

_GAP = re.compile(r"\s*,\s*|\s+")
"""What separates two columns."""


@dataclass(frozen=True)
class Line:
    """One line that names an image."""

    number: int
    """Counted from 1, with blank lines and comments."""
    text: str

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield every way to read the line as two columns: names may hold blanks and commas too."""
        for gap in _GAP.finditer(self.text):
            if gap.start() and gap.end() < len(self.text):
                yield self.text[: gap.start()], self.text[gap.end() :]

    def likely_pairs(self) -> list[tuple[str, str]]:
        """Return the ways to read the line as two columns of one kind: two files, or two stems."""
        return [pair for pair in self.pairs() if is_image_file(pair[0]) == is_image_file(pair[1])]

    def readings(self) -> list[str]:
        """Return what may be the image's name if the whole line does not spell one out, the likeliest first.

        A line that looks like a pair is never taken for a path with foreign folders: it would end as the
        mask's name does.
        """
        likely = [first for first, _ in self.likely_pairs()]
        others = [first for first, _ in self.pairs() if first not in likely]
        return [*likely, *others] if likely else [self.text, *others]


def read_lines(path: Path) -> list[Line]:
    """Read a list; blanks around a line, blank lines and lines that start with # are skipped.

    Raises:
        SplitError: The file is not text, names nothing, or is larger than the memory.
    """
    refuse_larger_than_memory(path, NAMES, SplitError)
    try:
        text = path.read_text(encoding="utf-8-sig")  # \r\n and \r arrive as \n
    except UnicodeDecodeError:
        raise SplitError(f"{path} is not a text file of names; give one stem or file name a line.") from None
    if "\0" in text:
        raise SplitError(f"{path} is not a text file of names; give one stem or file name a line.")
    stripped = (line.strip() for line in text.split("\n"))
    lines = [
        Line(number, line)
        for number, line in enumerate(stripped, start=1)
        if line and not line.startswith("#")
    ]
    if not lines:
        raise SplitError(f"{path} names no image; give one stem or file name a line.")
    return lines


def image_texts(lines: Iterable[Line]) -> Iterator[str]:
    """Yield everything in lines that may be the name of an image."""
    for line in lines:
        yield line.text
        for first, _ in line.pairs():
            yield first


def counted_repeats(repeats: int, path: Path) -> list[str]:
    """Return a note if lines of a list name an image that an earlier line names."""
    if not repeats:
        return []
    lines, name = ("1 line", "names") if repeats == 1 else (f"{repeats} lines", "name")
    return [f"{lines} of {path} {name} an image again; each image is taken once."]


def unknown_names(unknown: Sequence[Line], lines: Sequence[Line]) -> str:
    """Say how many of a list's names are unknown, and where the first one stands."""
    are = "is" if len(unknown) == 1 else "are"
    return f"{len(unknown)} of its {len(lines)} names {are} unknown, line {unknown[0].number}"
