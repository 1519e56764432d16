"""What lies on disk below images/ and masks/, before anything is paired or refused."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mutualseg.data.file_names import stem_of, suffix_of
from mutualseg.data.samples import IMAGE_SUFFIXES, PARTS, Part
from mutualseg.errors import DataError


@dataclass
class Files:
    """The image files of one part in the order of the walk; there may be a million, so they are texts."""

    folder: Path
    paths: list[str] = field(default_factory=list)
    """Relative to the folder, with / between their parts."""
    stems: list[str] = field(default_factory=list)
    """The same without suffix, accents spelled in one way: what pairs an image with its mask."""
    ending: str = ""
    """What each stem ended with before it was cut off, such as "_leftImg8bit"."""

    def first_of_each(self) -> dict[str, str]:
        """Return the path of the first file of each stem."""
        found: dict[str, str] = {}
        for stem, path in zip(self.stems, self.paths, strict=True):
            found.setdefault(stem, f"{self.folder}/{path}")
        return found

    def by_stem(self) -> dict[str, list[Path]]:
        """Return the files of each stem; all but one of them clash."""
        found: dict[str, list[Path]] = {}
        for stem, path in zip(self.stems, self.paths, strict=True):
            found.setdefault(stem, []).append(self.folder / path)
        return found


@dataclass
class Tree:
    """The image files below one folder, by part."""

    root: Path
    divided: frozenset[Part]
    """The parts that have a subfolder of their own."""
    files: dict[Part, Files]
    unknown: Counter[str] = field(default_factory=Counter)
    """How many files were passed over, by suffix."""
    outside: list[Path] = field(default_factory=list)
    """Files beside train/ that belong to no part."""

    @property
    def has_parts(self) -> bool:
        """Return whether there is a subfolder train, val or test."""
        return bool(self.divided)

    def count(self) -> int:
        """Return the number of files that belong to a part."""
        return sum(len(files.paths) for files in self.files.values())

    def clashes(self) -> list[list[Path]]:
        """Return the files of one part that share a stem, such as a.jpg and a.png."""
        return [
            paths
            for files in self.files.values()
            if len(set(files.stems)) < len(files.stems)
            for paths in files.by_stem().values()
            if len(paths) > 1
        ]


def list_tree(root: Path) -> Tree:
    """List a folder of images or masks.

    With a subfolder train, val or test, the first folder of a path is its part. If there is no
    train/ among them, what lies beside val/ and test/ is the training part.
    """
    divided = frozenset(part for part in PARTS if (root / part).is_dir())
    tree = Tree(root, divided, {part: Files(root / part if part in divided else root) for part in PARTS})
    inside = {f"{part}/": tree.files[part] for part in divided}
    for path in walk_names(root):
        suffix = suffix_of(path).lower()
        if suffix not in IMAGE_SUFFIXES:
            tree.unknown[suffix] += 1
            continue
        head = path[: path.find("/") + 1]
        files = inside.get(head)
        if files is not None:
            path = path[len(head) :]
        elif "train" in divided:
            tree.outside.append(root / path)
            continue
        else:
            files = tree.files["train"]
        files.paths.append(path)
        files.stems.append(stem_of(path))
    return tree


def list_files(folder: Path, ending: str = "") -> Files:
    """List the image files below a folder whose names end with `ending` before the suffix, without parts."""
    files = Files(folder, ending=ending)
    for path in walk_names(folder):
        if suffix_of(path).lower() in IMAGE_SUFFIXES:
            stem = stem_of(path)
            if stem.endswith(ending):
                files.paths.append(path)
                files.stems.append(stem.removesuffix(ending))
    return files


_NEARLY_PARTS: dict[str, Part] = {
    **dict.fromkeys(("validation", "valid", "dev", "eval"), "val"),
    **dict.fromkeys(("training", "trn"), "train"),
    **dict.fromkeys(("testing", "tst"), "test"),
}


def misnamed_parts(root: Path) -> list[tuple[Path, Part]]:
    """Return the subfolders of a data folder's images/ that a part may be meant by, and which."""
    return [
        (root / "images" / name, part)
        for name, part in _NEARLY_PARTS.items()
        if (root / "images" / name).is_dir() and not (root / "images" / part).is_dir()
    ]


def walk_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder as `walk_names` does, each with the folder's path before it."""
    return (root / path for path in walk_names(root))


def walk_names(root: Path) -> Iterator[str]:
    """Yield the files below a folder in sorted order, without hidden and suffix-less ones.

    A folder's own files come before those of its subfolders. Links to folders are followed, each
    folder once, so that a loop of links ends.

    Yields:
        Paths relative to the folder, with / between their parts.

    Raises:
        DataError: A folder cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        below = pending.pop()
        folder = root / below
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            names, subfolders = _entries(folder)
        except FileNotFoundError:  # masks/ may be missing; anything else must not go unseen
            continue
        except OSError as error:
            raise DataError(
                f"The folder {error.filename} cannot be read ({error.strerror}); mend it."
            ) from None
        yield from (below + name for name in sorted(names) if suffix_of(name))
        pending += [f"{below}{name}/" for name in sorted(subfolders, reverse=True)]


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of a folder's files and of its subfolders, without hidden ones."""
    names: list[str] = []
    subfolders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if not name.startswith("."):
                (subfolders if _is_folder(entry) else names).append(name)
    return names, subfolders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere it may: who reads it names it
        return False
