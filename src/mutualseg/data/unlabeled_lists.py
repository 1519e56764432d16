"""`--unlabeled list.txt`: which images of the data folder a list names, and which files elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.name_lists import Line, counted_repeats, image_texts, read_lines, unknown_names
from mutualseg.data.name_lookup import NameLookup, nearest_hint
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.errors import SplitError


@dataclass(frozen=True)
class UnlabeledList:
    """What one list names, each image once."""

    path: Path
    train: frozenset[str]
    """Names of training samples, with masks and without."""
    others: frozenset[str]
    """Names of samples of val and test."""
    files: tuple[str, ...]
    """Absolute paths of images that are not of the data folder."""
    notes: tuple[str, ...]


def is_list(path: Path) -> bool:
    """Tell whether `--unlabeled` means a list of names and not a folder of images."""
    return path.suffix.lower() == ".txt" and not path.is_dir()


def read_unlabeled_list(
    path: Path, root: Path, train: SampleIndex, others: Sequence[Sample]
) -> UnlabeledList:
    """Read a list of unlabeled images.

    A line, or the first of its two columns, is an image of the data folder (see `NameLookup`), or the path
    of an image: absolute, or from the list's own folder or the data folder on. What the data folder's own
    names spell out comes first, then files, then names with foreign folders.

    Args:
        path: The list.
        root: The data folder.
        train: The training samples.
        others: The samples of val and test.

    Raises:
        SplitError: The list is no text, or has names that are unknown or ambiguous.
    """
    lines = read_lines(path)
    texts = list(image_texts(lines))
    lookups = {
        "train": NameLookup(train, root, texts),
        "others": NameLookup(SampleIndex.of(others), root, texts),
    }
    inside: dict[str, set[str]] = {"train": set(), "others": set()}
    files: dict[str, None] = {}
    unknown = []
    for line in lines:
        found = _found(line, path, root, lookups)
        if found is None:
            unknown.append(line)
        elif isinstance(found, str):
            files[found] = None
        else:
            inside[found[0]].add(found[1].name)
    if unknown:
        raise SplitError(_unknown(unknown, lines, path, root, train))
    repeats = len(lines) - sum(map(len, inside.values())) - len(files)
    return UnlabeledList(
        path=path,
        train=frozenset(inside["train"]),
        others=frozenset(inside["others"]),
        files=tuple(files),
        notes=tuple(counted_repeats(repeats, path)),
    )


def _found(
    line: Line, path: Path, root: Path, lookups: dict[str, NameLookup]
) -> tuple[str, Sample] | str | None:
    """Return the kind and sample that a line means, or the path of a file elsewhere, or None."""
    texts = list(dict.fromkeys((line.text, *line.readings())))
    for text in texts:
        for kind, lookup in lookups.items():
            if exact := lookup.exact(text):
                return kind, _only(exact, text, line, path)
    inside = os.path.join(os.path.realpath(root), "")  # noqa: PTH118  # texts, as below
    for text in texts:
        if file := _existing(text, path, root):
            real = os.path.realpath(file)
            for kind, lookup in lookups.items():
                if real.startswith(inside) and (exact := lookup.exact(real[len(inside) :])):
                    return kind, _only(exact, text, line, path)
            return file
    for text in line.readings():
        for kind, lookup in lookups.items():
            if matches := lookup.find(text):
                return kind, _only(matches, text, line, path)
    return None


def _existing(text: str, path: Path, root: Path) -> str | None:
    """Return the absolute path of the image file that a text leads to."""
    if not is_image_file(text):
        return None
    for top in (path.parent, root):
        for tail in (text, text.lstrip("/")):  # lists of old begin paths in the data folder with /
            file = os.path.join(top.absolute(), tail)  # noqa: PTH118  # a Path for each takes longer
            if os.path.isfile(file):  # noqa: PTH113
                folder, name = os.path.split(file)
                return os.path.join(os.path.realpath(folder) if ".." in folder else folder, name)  # noqa: PTH118
    return None


def _only(samples: Sequence[Sample], text: str, line: Line, path: Path) -> Sample:
    if len(samples) > 1:
        first, second = sorted(sample.name for sample in samples)[:2]
        raise SplitError(
            f"{path}: line {line.number}: {text!r} may mean {first} or {second}; write the whole name."
        )
    return samples[0]


def _unknown(
    unknown: Sequence[Line], lines: Sequence[Line], path: Path, root: Path, train: SampleIndex
) -> str:
    line = unknown[0]
    hint = nearest_hint(line.readings()[0], train)
    return (
        f"{path}: {unknown_names(unknown, lines)}: neither an image of {root} nor "
        f"an image file is called {line.text!r}{hint}; correct the list."
    )
