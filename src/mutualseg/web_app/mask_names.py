"""What masks are called in an archive: others' names, in a form that every system unpacks into one folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from mutualseg.data.file_names import without_suffix

_FORBIDDEN = frozenset('<>:"/\\|?*')
"""On Windows; / is what parts a path, here."""
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)
_LONGEST = 100
"""Characters of one part: together with what is put before and after it below 255 bytes on most disks."""


def safe_part(name: str) -> str:
    """Return a name as one part of a path: nothing hidden, no way up, no characters that nobody sees."""
    plain = "".join(
        "_" if letter in _FORBIDDEN or unicodedata.category(letter).startswith("C") else letter
        for letter in unicodedata.normalize("NFC", name)
    )
    plain = plain[:_LONGEST].rstrip(". ").lstrip(" ")
    if plain.startswith("."):
        plain = "_" + plain[1:]
    if plain.partition(".")[0].lower() in _RESERVED:
        plain = "_" + plain
    return plain or "image"


def mask_names(images: Sequence[str]) -> list[str]:
    """Return the names of the masks of some images: PNGs in the images' own folders, no two alike.

    Args:
        images: names, with / between folders, with a suffix.
    """
    taken: set[str] = set()
    return [_untaken("/".join(safe_part(part) for part in _parts(name)), ".png", taken) for name in images]


def folder_names(labels: Sequence[str]) -> list[str]:
    """Return a folder name for each of some labels, no two alike."""
    taken: set[str] = set()
    return [_untaken(safe_part(label), "", taken) for label in labels]


def _parts(name: str) -> list[str]:
    *folders, last = [part for part in name.split("/") if part not in ("", ".", "..")] or [""]
    return [*folders, without_suffix(last)]


def _untaken(name: str, suffix: str, taken: set[str]) -> str:
    found, number = name, 2
    while found.casefold() in taken:  # many systems do not tell a.png and A.png apart
        found, number = f"{name}-{number}", number + 1
    taken.add(found.casefold())
    return found + suffix
