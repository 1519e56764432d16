"""Which images may be suggested: unlabeled ones of a run, or others that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.data.grouping import Grouping
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, Split
from mutualseg.data.unlabeled import choose_unlabeled, find_unlabeled
from mutualseg.errors import DataError
from mutualseg.suggesting.selection import evenly


@dataclass(frozen=True)
class Candidates:
    """What is looked at."""

    samples: SampleIndex
    """Evenly spaced over the sorted names, if there are more than are looked at."""
    total: int
    """How many there are in all."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what was left out."""


def find_candidates(source: DataFolder, split: Split, unlabeled: Sequence[Path], look_at: int) -> Candidates:
    """Return the unlabeled images that are looked at.

    Args:
        source: the data folder of the run.
        split: of the run.
        unlabeled: folders and lists of other images than the run's; none takes the run's. Images that are
            labeled, or of val or test, are dropped.
        look_at: how many at most.

    Raises:
        DataError: there is no candidate, or a folder or list is missing.
        SplitError: a list names what there is not.
    """
    notes: list[str] = []
    if unlabeled:
        found, notes = _named(source, split, unlabeled)
        where = f"--unlabeled {unlabeled[0]}" if len(unlabeled) == 1 else "The --unlabeled folders and lists"
        nothing = f"{where} names no image that is neither labeled nor of val or test; name other images."
    else:
        found = SampleIndex.of(split.unlabeled)
        nothing = "The run has no unlabeled image left to suggest; give others with --unlabeled DIR."
    if not len(found):
        raise DataError(nothing)
    places = evenly(len(found), look_at)
    if len(places) < len(found):
        notes.append(
            f"{len(places)} of {len(found)} unlabeled images are looked at, evenly spaced over their names; "
            f"--look-at {len(found)} looks at all."
        )
    return Candidates(found.select(places), len(found), tuple(notes))


def _named(source: DataFolder, split: Split, unlabeled: Sequence[Path]) -> tuple[SampleIndex, list[str]]:
    """Return the images that `--unlabeled` names, without used ones, and notes on those."""
    others = (*source.val, *source.test, *source.unscored)
    train = SampleIndex.of(source.train)
    named = find_unlabeled(unlabeled, source.root, train, others)
    scored: tuple[Sample, ...] = (*split.val, *split.test, *others)
    # Of the data folder's own images lists choose; a folder is looked into, be it a part of the data folder.
    inside = SampleIndex.empty()
    if named.lists:
        listed = frozenset[str]().union(*(one.train for one in named.lists))
        used = {sample.name for sample in (*split.labeled, *split.val)}
        inside = train.select([i for i, name in enumerate(train.names()) if name in listed]).without(used)
        inside = inside.without_masks()
    return choose_unlabeled(named, inside, split.labeled, scored, Grouping(split.group))
