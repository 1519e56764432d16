"""What lies on disk below images/ and masks/, before anything is paired or refused."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mutualseg.data.samples import PARTS, Part, is_image_file
from mutualseg.errors import DataError


@dataclass
class Tree:
    """The image files below one folder: by part, then by stem (relative path without suffix)."""

    root: Path
    has_parts: bool = False
    files: dict[Part, dict[str, list[Path]]] = field(default_factory=lambda: {part: {} for part in PARTS})
    unknown: Counter[str] = field(default_factory=Counter)
    """How many files were passed over, by suffix."""
    outside: list[Path] = field(default_factory=list)
    """Files beside train/ that belong to no part."""

    def count(self) -> int:
        """Return the number of files that belong to a part."""
        return sum(len(paths) for stems in self.files.values() for paths in stems.values())

    def clashes(self) -> list[list[Path]]:
        """Return the files of one part that share a stem, such as a.jpg and a.png."""
        return [paths for stems in self.files.values() for paths in stems.values() if len(paths) > 1]


def list_tree(root: Path) -> Tree:
    """List a folder of images or masks.

    With a subfolder train, val or test, the first folder of a path is its part. If there is no
    train/ among them, what lies beside val/ and test/ is the training part.
    """
    tree = Tree(root)
    divided = {part for part in PARTS if (root / part).is_dir()}
    tree.has_parts = bool(divided)
    for path in walk_files(root):
        relative = path.relative_to(root)
        if not is_image_file(path):
            tree.unknown[path.suffix.lower()] += 1
            continue
        part: Part = "train"
        head = relative.parts[0]
        if head in divided and len(relative.parts) > 1:
            part = next(known for known in PARTS if known == head)
            relative = relative.relative_to(head)
        elif "train" in divided:
            tree.outside.append(path)
            continue
        tree.files[part].setdefault(stem_of(relative), []).append(path)
    return tree


def walk_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder in sorted order, without hidden and suffix-less ones.

    Links to folders are followed, each folder once, so that a loop of links ends.
    """
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, onerror=_refuse, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix:
                yield path


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # masks/ may be missing; the rest must not go unseen
        raise DataError(f"The folder {error.filename} cannot be read ({error.strerror}); mend it.") from None


def stem_of(relative: Path) -> str:
    """Return a relative path without its suffix, as the key that pairs an image with its mask."""
    # Archives from macOS spell accents in two characters, others in one.
    return unicodedata.normalize("NFC", relative.with_suffix("").as_posix())
