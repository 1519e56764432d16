"""What a cured copy of a data folder leaves out, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mutualseg.data.findings import Change
from mutualseg.data.folder import load_listing, orphan_masks
from mutualseg.data.folder_survey import FolderSurvey
from mutualseg.data.listing import Tree
from mutualseg.data.repeat_findings import equal_ones, first_equals, leaked, repeated


def images_left_out(survey: FolderSurvey) -> dict[int, str]:
    """Return the samples that are left out whole, by place, and the reason of each."""
    reasons = {}
    for place, path, problem in survey.problems:
        if path == survey.samples[place].image:
            reasons[place] = f"left out: {problem}"
    first = first_equals(survey)
    scored, train = survey.places("val", "test"), survey.places("train")
    again = leaked(survey, first)
    for place, like in zip(again.tolist(), equal_ones(first, again, scored).tolist(), strict=True):
        other = survey.samples[like]
        reasons[place] = f"left out of train: it is identical to {other.image} of {other.part}"
    again = repeated(survey, first)
    for place, like in zip(again.tolist(), equal_ones(first, again, train).tolist(), strict=True):
        reasons.setdefault(place, f"left out: it is identical to {survey.samples[like].image}")
    return reasons


def files_left_out(root: Path) -> Iterator[Change]:
    """Yield the files of a data folder that belong to no sample."""
    images, masks = load_listing(root)
    for tree in (images, masks):
        yield from _beside_samples(tree)
    for path in orphan_masks(images, masks):
        yield Change(path, "left out: no image has its name")


def _beside_samples(tree: Tree) -> Iterator[Change]:
    for kept, *others in tree.clashes():
        for path in others:
            yield Change(path, f"left out: {kept.name} has the same name but for the suffix")
    for path in tree.outside:
        yield Change(path, f"left out: it lies beside the parts of {tree.root.name}/")
    for suffix, count in sorted(tree.unknown.items()):
        files = "1 file" if count == 1 else f"{count} files"
        yield Change(tree.root, f"{files} ending in {suffix} left out: not a kind of image that is read")
