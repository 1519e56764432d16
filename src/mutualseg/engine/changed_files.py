"""Files of a run that have changed since it began, found by their times alone: one look each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.splits import Split


def changed_since(split: Split, started: float) -> str | None:
    """Return a sentence if images or masks that a run uses are newer than its start, None if none is.

    Files that are gone are another matter: they are refused when the split is read.

    Args:
        split: of the run.
        started: seconds since the epoch.
    """
    first, count = _those(split, lambda path: os.stat(path).st_mtime > started)  # noqa: PTH116  # of 100,000 files
    if first is None:
        return None
    files = "1 file has" if count == 1 else f"{count} files have"
    return (
        f"{files} changed since the run began (first: {first}), so it may not go on exactly as it would have"
    )


def differing_sizes(split: Split, data: Path, before: Path) -> str | None:
    """Return a sentence if files of a run's data folder have other sizes than those of the folder before.

    Files are only compared where both are there: a folder that was moved has left nothing to compare with.

    Args:
        split: of the run, whose files are in the folder of now or elsewhere.
        data: folder of now.
        before: folder that the run was trained on so far.
    """

    def differs(path: str) -> bool:
        return os.stat(path).st_size != os.stat(before / Path(path).relative_to(data)).st_size  # noqa: PTH116

    first, count = _those(split, differs)
    if first is None:
        return None
    files = "1 file has another size" if count == 1 else f"{count} files have other sizes"
    return f"{files} than in {before} (first: {first}), so the run goes on with other data"


def _those(split: Split, is_one: Callable[[str], bool]) -> tuple[str | None, int]:
    """Return the first file of which something holds, and how many there are; what is not there is none."""
    first, count = None, 0
    for path in _files(split):
        try:
            found = is_one(path)
        except (OSError, ValueError):
            continue
        if found:
            count += 1
            first = first or path
    return first, count


def _files(split: Split) -> Iterator[str]:
    scored = SampleIndex.of(split.labeled) + SampleIndex.of(split.val)
    images: Iterable[str] = chain(scored.files(), SampleIndex.of(split.unlabeled).files())
    return chain(images, (str(sample.mask) for sample in scored.labeled()))
