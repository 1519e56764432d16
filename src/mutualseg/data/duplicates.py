"""Files with identical bytes, found without reading most of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

_TAIL = 4096


def identical_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Return the groups of two or more files with the same content, each in the order given.

    Sizes are compared first, then the last bytes of files of one size (headers look alike, and
    uncompressed images all have one size), then whole files. Empty and unreadable files are left out.
    """
    groups = [list(paths)]
    for key in (_size, _tail_digest, _digest):
        groups = [part for group in groups for part in _parted(group, key)]
    return groups


def identical_to(candidates: Sequence[Path], references: Sequence[Path]) -> set[Path]:
    """Return the candidates whose content is that of a reference."""
    sizes = {_size(path) for path in references}
    wanted, known = set(candidates), set(references)
    groups = identical_files([*references, *(path for path in candidates if _size(path) in sizes)])
    return {path for group in groups if known.intersection(group) for path in group if path in wanted}


def _parted(group: list[Path], key: Callable[[Path], Hashable]) -> list[list[Path]]:
    parts: dict[Hashable, list[Path]] = defaultdict(list)
    for path in group:
        try:
            value = key(path)
        except OSError:
            continue
        if value:
            parts[value].append(path)
    return [part for part in parts.values() if len(part) > 1]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _tail_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return hashlib.blake2b(file.read()).digest()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
