"""`--on-bad-image skip` before a run: files that cannot be used are found, and left out of its split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mutualseg import resolving
from mutualseg.data.folder import DataFolder
from mutualseg.data.image_kinds import ImageKind, image_kind
from mutualseg.data.image_survey import majority
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, Split
from mutualseg.data.skipping import SkippedFile, borne, too_many
from mutualseg.errors import DataError, UnusableFileError

Found = TypeVar("Found")
_NAMED = 3

SKIP_HINT = "or --on-bad-image skip leaves out such files, up to 5 percent of all"
"""A cure of a file that is refused alone."""


@dataclass(frozen=True)
class Usable:
    """What is left of a data folder for a run."""

    source: DataFolder
    """With what its images are read as."""
    split: Split
    notes: list[str]
    """Sentences for the user about how images are read."""
    skipped: tuple[SkippedFile, ...]
    images: int
    """Labeled, unlabeled and val images before any was left out."""


def leave_out_unusable(source: DataFolder, split: Split, channels: int | None) -> Usable:
    """Leave out of a split what cannot be used: broken files, images unlike most, masks that do not fit.

    As much of them is looked at as `resolving.refuse_bad_files` does: what shows later is skipped then. An
    image of the test part that cannot be read stays in the split, since training does not use it: who
    evaluates on it is told.

    Raises:
        UnusableFileError: more than 5 percent of the images cannot be used.
        DataError: nothing labeled, or nothing of val, is left; or the images have no common code.
    """
    images = len(split.labeled) + len(split.unlabeled) + len(split.val)
    skipped: list[SkippedFile] = []

    def leave_out(at_hand: Split, problem: Callable[[Sample], str | None]) -> Split:
        left, found = _without(at_hand, problem)
        skipped.extend(found)
        refuse_too_many(skipped, images, "mend or remove them (mutualseg check names them)")
        for part, samples in (("labeled", left.labeled), ("val", left.val)):
            if not samples:
                raise DataError(f"No {part} image can be used: {skipped[0].reason}")
        return left

    kinds: dict[str, ImageKind] = {}
    left = leave_out(split, lambda sample: _header_problem(sample, kinds))
    is_usual = majority(list(kinds.values()))
    left = leave_out(left, lambda sample: _kind_problem(sample, kinds, is_usual))
    read = [sample for sample in split.test if _header_problem(sample, kinds) is None]
    readable = replace(left, test=tuple(sample for sample in read if is_usual(kinds[str(sample.image)])))
    coded, notes = resolving.resolve_images(source, readable, channels, skip_broken=True)

    def misfit(sample: Sample) -> str | None:
        return _problem(lambda: resolving.look_at(sample, coded.num_classes, coded.encoding))

    left = leave_out(left, misfit)
    return Usable(coded, left, notes, tuple(skipped), images)


def refuse_too_many(skipped: Sequence[SkippedFile], images: int, cure: str) -> None:
    """Raise UnusableFileError if more than 5 percent of a run's images are skipped.

    Args:
        skipped: each image once.
        images: of the run, before any was skipped.
        cure: what to do next.
    """
    if not too_many(len(skipped), images):
        return
    named = ", ".join(file.file for file in skipped[:_NAMED]) + (", ..." if len(skipped) > _NAMED else "")
    plural = "s" if len(skipped) > 1 else ""
    raise UnusableFileError(
        f"{len(skipped)} of {images} images ({100 * len(skipped) / images:.1f}%) cannot be used, and "
        f"--on-bad-image skip leaves out 5% at most, which is {borne(images)} here (file{plural}: {named}; "
        f"the first: {skipped[0].reason.rstrip('.')}); {cure}."
    )


def _without(split: Split, problem: Callable[[Sample], str | None]) -> tuple[Split, list[SkippedFile]]:
    """Return a split without the samples that have a problem, of its unlabeled ones as far as looked at."""
    unlabeled = SampleIndex.of(split.unlabeled)
    places = resolving.checked_places(len(unlabeled))
    with ThreadPoolExecutor() as pool:
        labeled, labeled_out = _divided(split.labeled, "labeled", pool.map(problem, split.labeled))
        val, val_out = _divided(split.val, "val", pool.map(problem, split.val))
        found = pool.map(problem, (unlabeled[place] for place in places))
        bad = {place: reason for place, reason in zip(places, found, strict=True) if reason is not None}
    out = [SkippedFile.of(unlabeled[place], "unlabeled", reason) for place, reason in bad.items()]
    if bad:
        unlabeled = unlabeled.select(np.delete(np.arange(len(unlabeled)), list(bad)))
    left = replace(split, labeled=labeled, unlabeled=unlabeled if bad else split.unlabeled, val=val)
    return left, [*labeled_out, *out, *val_out]


def _divided(
    samples: Sequence[Sample], part: str, problems: Iterable[str | None]
) -> tuple[tuple[Sample, ...], list[SkippedFile]]:
    good, bad = [], []
    for sample, problem in zip(samples, problems, strict=True):
        if problem is None:
            good.append(sample)
        else:
            bad.append(SkippedFile.of(sample, part, problem))
    return tuple(good), bad


def _header_problem(sample: Sample, kinds: dict[str, ImageKind]) -> str | None:
    def look() -> None:
        kinds[str(sample.image)] = image_kind(sample.image)

    return _problem(look)


def _kind_problem(
    sample: Sample, kinds: dict[str, ImageKind], is_usual: Callable[[ImageKind], bool]
) -> str | None:
    kind = kinds.get(str(sample.image))
    if kind is None or is_usual(kind):  # one that was not looked at before
        return None
    return f"{sample.image} has {kind.words()}, unlike most of the images; save it as they are, or remove it."


def _problem(look: Callable[[], object]) -> str | None:
    try:
        look()
    except DataError as error:
        return str(error)
    return None
