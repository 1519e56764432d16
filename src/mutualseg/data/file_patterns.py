"""Patterns of file names, such as `photos/**/*.jpg`, that the shell was told to leave alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from mutualseg.errors import DataError

_ANY_FOLDERS = "**"


def is_pattern(text: str) -> bool:
    """Tell whether a path holds *, ? or [."""
    return any(letter in text for letter in "*?[")


def fixed_part(pattern: Path) -> Path:
    """Return the folder before the first part that is a pattern: what is found keeps its path below it."""
    fixed = Path()
    for part in pattern.parts[:-1]:
        if is_pattern(part):
            break
        fixed /= part
    return fixed


def matching(pattern: Path) -> Iterator[Path]:
    """Yield the files and folders that a pattern means, sorted, each once.

    `*`, `?` and `[...]` stand for letters of one name, and `**` as a whole part for any number of folders.
    Hidden names match only a part that begins with a dot. Links to folders are followed, each folder once
    below one `**`.

    Raises:
        DataError: A folder cannot be read.
    """
    start = fixed_part(pattern)
    seen: set[Path] = set()
    for path in _below(start, pattern.parts[len(start.parts) :]):
        if path not in seen:
            seen.add(path)
            yield path


def _below(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        yield folder
    elif parts[0] == _ANY_FOLDERS:
        for each in _folders(folder, set()):
            yield from _below(each, parts[1:])
    elif not is_pattern(parts[0]):  # also `..`, which no listing has
        path = folder / parts[0]
        if os.path.lexists(path):
            yield from _below(path, parts[1:])
    else:
        for name in _names(folder):
            if fnmatchcase(name, parts[0]) and (not name.startswith(".") or parts[0].startswith(".")):
                yield from _below(folder / name, parts[1:])


def _folders(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield a folder and all below it, without hidden ones; a loop of links ends."""
    try:
        status = folder.stat()
    except OSError:
        return
    if (status.st_dev, status.st_ino) in seen or not folder.is_dir():
        return
    seen.add((status.st_dev, status.st_ino))
    yield folder
    for name in _names(folder):
        if not name.startswith("."):
            yield from _folders(folder / name, seen)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read ({error.strerror}); mend it.") from None
