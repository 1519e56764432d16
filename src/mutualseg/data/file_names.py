"""File names as plain text: a Path for each of a million files would take longer than reading the folder."""

from __future__ import annotations

import unicodedata

KIND_ENDINGS = (
    "_leftImg8bit",
    "_gtFine_labelTrainIds",
    "_gtFine_labelIds",
    "_gtFine_instanceIds",
    "_gtFine_color",
    "_gtCoarse_labelTrainIds",
    "_gtCoarse_labelIds",
    "_gtCoarse_instanceIds",
    "_gtCoarse_color",
)
"""What Cityscapes appends to the name that an image and its masks have in common, to say which is which."""


def suffix_of(path: str) -> str:
    """Return the suffix with its dot, "" where there is none; a name's first and last dot begin none.

    Args:
        path: A path with / between its parts.
    """
    dot = path.rfind(".")
    return path[dot:] if path.rfind("/") + 1 < dot < len(path) - 1 else ""


def without_suffix(path: str) -> str:
    """Return the path without what `suffix_of` returns."""
    return path[: len(path) - len(suffix_of(path))]


def stem_of(relative: str) -> str:
    """Return a relative path without its suffix, as the key that pairs an image with its mask."""
    stem = without_suffix(relative)
    # Archives from macOS spell accents in two characters, others in one.
    return stem if stem.isascii() else unicodedata.normalize("NFC", stem)


def last_part(path: str) -> str:
    """Return what follows the last /."""
    return path[path.rfind("/") + 1 :]


def without_ending(stem: str) -> str:
    """Return a stem without the one of `KIND_ENDINGS` that it ends in."""
    if stem.endswith(KIND_ENDINGS):  # one look, for there may be a million
        ending = next(ending for ending in KIND_ENDINGS if stem.endswith(ending))
        return stem[: -len(ending)] or stem
    return stem


def printable(text: str) -> str:
    r"""Return a text that can be written as UTF-8: bytes of a name that are no text as \udce9."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
