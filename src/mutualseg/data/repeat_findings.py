"""Images that occur twice, pixel for pixel or nearly, among the training images or across parts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.duplicates import identical_to
from mutualseg.data.findings import Finding, make_finding
from mutualseg.data.folder_survey import FolderSurvey
from mutualseg.data.group_patterns import GroupPattern, group_pattern
from mutualseg.data.look_alikes import LookAlikes, groups_of, look_alikes_among, look_alikes_within

Places = npt.NDArray[np.int64]


def repeat_findings(survey: FolderSurvey, root: Path, unlabeled: Sequence[Path] = ()) -> Iterator[Finding]:
    """Yield identical images and look-alikes, among the training images and across parts.

    Args:
        survey: Of a data folder and `--unlabeled` folders.
        root: The data folder, as the user wrote it.
        unlabeled: The further folders.
    """
    folders = [str(root), *(word for folder in unlabeled for word in ("--unlabeled", str(folder)))]
    split = f"mutualseg split {shlex.join(folders)}"
    first = first_equals(survey)
    yield from _leaks(survey, first)
    yield from _repeats(survey, first)
    yield from _disagreements(survey, first)
    yield from _look_alikes_across(survey, first, split)
    yield from _look_alikes_among_labeled(survey, split)
    yield from _look_alikes_among_unlabeled(survey, first)


def first_equals(survey: FolderSurvey) -> Places:
    """Return for each sample the place of the first that has the same pixels, its own where none has.

    Files with the same bytes have the same pixels; so has an image that was saved again without loss.
    """
    first = np.arange(len(survey.samples))
    places = np.flatnonzero(survey.readable)
    if len(places):
        _, row, group = np.unique(survey.digests[places], axis=0, return_index=True, return_inverse=True)
        first[places] = places[row[group.ravel()]]
    return first


def leaked(survey: FolderSurvey, first: Places) -> Places:
    """Return the training images that have the very pixels of one of val or test."""
    train = survey.places("train")
    return train[np.isin(first[train], first[survey.places("val", "test")])]


def repeated(survey: FolderSurvey, first: Places) -> Places:
    """Return the unlabeled images that have the very pixels of a labeled or an earlier unlabeled one."""
    unlabeled = _unlabeled(survey)
    labeled = np.intersect1d(survey.places("train"), survey.samples.masked)
    _, kept = np.unique(first[unlabeled], return_index=True)
    again = np.ones(len(unlabeled), np.bool_)
    again[kept] = False
    return unlabeled[again | np.isin(first[unlabeled], first[labeled])]


def _unlabeled(survey: FolderSurvey) -> Places:
    return np.setdiff1d(survey.places("train"), survey.samples.masked)


def equal_ones(first: Places, places: Places, others: Places) -> Places:
    """Return for each of some places one of the others that has the same pixels, but not itself."""
    order = np.argsort(first[others], kind="stable")
    ordered = others[order]
    at = np.searchsorted(first[ordered], first[places])
    found = ordered[at]
    return np.where(found == places, ordered[np.minimum(at + 1, len(ordered) - 1)], found)


def _leaks(survey: FolderSurvey, first: Places) -> Iterator[Finding]:
    places = leaked(survey, first)
    if not len(places):
        return
    like = equal_ones(first, places, survey.places("val", "test"))
    external = places >= len(survey.samples) - survey.further
    same = identical_to(survey.images(places[external]), survey.images(like[external]))
    dropped = np.array([path in same for path in survey.images(places)], np.bool_) & external
    if dropped.any():
        yield make_finding(
            "warning",
            "--unlabeled image is identical to one of val or test and will be dropped",
            "nothing needs doing; remove it to be rid of this line",
            survey.images(places[dropped]),
            like=survey.images(like[dropped]),
        )
    if not dropped.all():
        yield make_finding(
            "warning",
            "training image is identical to one of val or test, so that scores come out too high",
            "remove it from one of the parts; --fix OUT leaves it out of train in a copy",
            survey.images(places[~dropped]),
            like=survey.images(like[~dropped]),
        )


def _repeats(survey: FolderSurvey, first: Places) -> Iterator[Finding]:
    places = np.setdiff1d(repeated(survey, first), leaked(survey, first))
    if len(places):
        yield make_finding(
            "warning",
            "unlabeled image repeats another training image, pixel for pixel, and adds nothing",
            "remove it; --fix OUT leaves repeats out in a copy",
            survey.images(places),
            like=survey.images(equal_ones(first, places, survey.places("train"))),
        )


def _disagreements(survey: FolderSurvey, first: Places) -> Iterator[Finding]:
    masked = np.array(sorted(survey.mask_digests), np.int64)
    _, group = np.unique(first[masked], return_inverse=True)
    differing, like = [], []
    seen: dict[int, int] = {}
    for place, number in zip(masked.tolist(), group.tolist(), strict=True):
        other = seen.setdefault(number, place)
        if survey.mask_digests[place] != survey.mask_digests[other]:
            differing.append(place)
            like.append(other)
    if differing:
        yield make_finding(
            "warning",
            "image occurs twice, pixel for pixel, with different masks",
            "keep the mask that is right, and remove the other image",
            survey.images(differing),
            like=survey.images(like),
        )


def _look_alikes_across(survey: FolderSurvey, first: Places, split: str) -> Iterator[Finding]:
    train = np.setdiff1d(survey.places("train"), leaked(survey, first))
    scored = survey.places("val", "test")
    found = look_alikes_among(survey.prints[train], survey.prints[scored])
    hits = np.flatnonzero(found.like >= 0)
    if not len(hits):
        return
    places, like = train[hits], scored[found.like[hits]]
    pattern = _pattern(survey, places, like)
    if pattern is None:
        cure = (
            "no --group pattern on the file names keeps them on one side and leaves labeled images to train "
            "on: move look-alikes into one part"
        )
    else:
        left_out = f", which leaves {pattern.left_out} of {len(survey.places('train'))} training images out"
        cure = (
            f"{_grouped(split, pattern)}, then train with --labeled split.json{left_out}; "
            "or move look-alikes into one part"
        )
    yield make_finding(
        "warning",
        f"training image looks almost like one of val or test, as frames of one video do{_at_least(found)}; "
        "scores may come out too high",
        cure,
        survey.images(places),
        like=survey.images(like),
    )


def _look_alikes_among_labeled(survey: FolderSurvey, split: str) -> Iterator[Finding]:
    """Warn where val is to be held out of labeled images that look alike."""
    masked = survey.samples.masked
    if len(np.intersect1d(survey.places("val"), masked)):
        return
    labeled = np.intersect1d(survey.places("train"), masked)
    found = look_alikes_within(survey.prints[labeled])
    hits = np.flatnonzero(found.like >= 0)
    if not len(hits):
        return
    places, like = labeled[hits], labeled[found.like[hits]]
    pattern = _pattern(survey, places, like)
    yield make_finding(
        "warning",
        f"labeled image looks almost like another{_at_least(found)}; some are held out as val, and "
        "scores may come out too high",
        "add images/val and masks/val of other scenes"
        if pattern is None
        else f"{_grouped(split, pattern)}, then train with --labeled split.json",
        survey.images(places),
        like=survey.images(like),
    )


def _look_alikes_among_unlabeled(survey: FolderSurvey, first: Places) -> Iterator[Finding]:
    unlabeled = np.setdiff1d(_unlabeled(survey), repeated(survey, first))
    found = look_alikes_within(survey.prints[unlabeled])
    hits = np.flatnonzero(found.like >= 0)
    if not len(hits):
        return
    groups = len(np.unique(groups_of(found.like)[hits]))
    yield make_finding(
        "note",
        f"unlabeled image looks almost like another ({groups} {'group' if groups == 1 else 'groups'} of "
        f"look-alikes{_at_least(found)})",
        "nothing needs doing; keep one of each group if steps are dear",
        survey.images(unlabeled[hits]),
        like=survey.images(unlabeled[found.like[hits]]),
    )


def _pattern(survey: FolderSurvey, places: Places, like: Places) -> GroupPattern | None:
    samples = survey.samples
    return group_pattern(
        list(zip(samples.select(places), samples.select(like), strict=True)),
        samples.select(survey.places("train")),
        samples.select(survey.places("val", "test")),
    )


def _grouped(split: str, pattern: GroupPattern) -> str:
    return f"{split} --group {shlex.quote(pattern.pattern)} --out split.json"


def _at_least(found: LookAlikes) -> str:
    return "" if found.complete else ", at least: the search among so many similar images was cut short"
