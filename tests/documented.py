"""The commands that the documents name, and what their placeholders stand for in tests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_PAGES = ("index", "start", "data", "guide", "recipes", "using")
DOCUMENTS = ("README.md", *(f"docs/{name}.md" for name in _PAGES))
"""Those that a user follows."""
QUOTING = tuple(
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "docs").rglob("*.md"))
    if str(path.relative_to(ROOT)) not in (*DOCUMENTS, "docs/experiments.md")
)
"""Those that quote what was run on other data and machines: it has to parse still. The diary need not."""

_INLINE = re.compile(r"`(mutualseg [^`]+)`")
_ELSEWHERE = {
    "voc_resnet101": "needs Pascal VOC",
    "--devices": "starts processes, which tests/test_processes.py does",
    "app": "serves until it is stopped; tests/command/test_app.py clicks through it",
}
"""A word of a command to why it is only parsed."""


class Documented(NamedTuple):
    """A command as a document has it."""

    document: str
    line: int
    words: tuple[str, ...]
    """After `mutualseg`."""

    @property
    def only_parsed(self) -> bool:
        """Whether it cannot be run in a test."""
        return not _ELSEWHERE.keys().isdisjoint(self.words)

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: mutualseg {shlex.join(self.words)}"


def documented_python(document: str) -> list[str]:
    """Return the blocks of Python of a document."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.M | re.S)


def documented_commands(document: str) -> Iterator[Documented]:
    """Yield the commands of a document in order: lines of code blocks, and those within sentences."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        is_code = line.startswith("    ") and line.strip().startswith("mutualseg ")
        found = [line.strip()] if is_code else _INLINE.findall(line)
        for command in found:
            words = tuple(shlex.split(command, comments=True))[1:]
            if len(words) > 1:  # a verb alone is spoken of, not called
                yield Documented(document, number, words)
