"""`--labeled list.txt`: which training images a list names, and whether its masks are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.name_lists import Line, counted_repeats, image_texts, read_lines, unknown_names
from mutualseg.data.name_lookup import NameLookup, nearest_hint
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample
from mutualseg.errors import SplitError


@dataclass(frozen=True)
class _Named:
    """An image that a line names, and the mask beside it."""

    line: Line
    sample: Sample
    mask: str | None


def find_listed(
    path: Path, root: Path, train: SampleIndex, others: Sequence[Sample], notes: list[str]
) -> list[Sample]:
    """Return the training samples that a list names, sorted by name, each once.

    Args:
        path: The list: an image a line, or an image and its mask (see `NameLookup` for what names one).
        root: The data folder.
        train: The training samples.
        others: The samples of val and test, which a list must not name.
        notes: Receives what is worth saying about the list.

    Raises:
        SplitError: A name is unknown, ambiguous, without a mask, beside the mask of another image, or not
            of the training part.
    """
    lines = read_lines(path)
    lookup = NameLookup(train, root, image_texts(lines))
    named = [(line, _named(line, path, lookup)) for line in lines]
    unknown = [line for line, found in named if found is None]
    if unknown:
        raise SplitError(_unknown(unknown, lines, path, root, train, others))
    found = [one for _, one in named if one is not None]
    listed = {one.sample.name: one.sample for one in found}
    notes += counted_repeats(len(found) - len(listed), path)
    notes += _other_masks(found, path, root, lookup)
    return [listed[name] for name in sorted(listed)]


def _named(line: Line, path: Path, lookup: NameLookup) -> _Named | None:
    """Return what a line names: itself an image, or the first of two columns; None if nothing."""
    matches, mask = _matches(line, lookup)
    if not matches:
        return None
    if len(matches) > 1:
        first, second = sorted(sample.name for sample in matches)[:2]
        raise SplitError(
            f"{path}: line {line.number}: {line.text!r} may mean {first} or {second}; write the whole name."
        )
    sample = matches[0]
    if sample.mask is None:
        raise SplitError(
            f"{path}: line {line.number}: {line.text!r} has no mask; add the mask, or take the name off "
            "the list."
        )
    if mask is not None and not lookup.names_mask(mask, sample):
        raise SplitError(
            f"{path}: line {line.number} has {mask!r} beside {sample.name}, whose mask is {sample.mask}; "
            "correct the line, or keep its first column alone."
        )
    return _Named(line, sample, mask)


def _matches(line: Line, lookup: NameLookup) -> tuple[list[Sample], str | None]:
    """Return the images that a line may mean, and the mask beside them if it has two columns."""
    if exact := lookup.exact(line.text):
        return exact, None
    pairs = [(found, mask) for first, mask in line.pairs() if (found := lookup.find(first))]
    for found, mask in pairs:
        if fitting := [sample for sample in found if lookup.names_mask(mask, sample)]:
            return fitting, mask
    likely = line.likely_pairs()
    if not likely and (found := lookup.find(line.text)):
        return found, None
    masks = [mask for _, mask in likely]
    pairs.sort(key=lambda pair: pair[1] not in masks)
    return pairs[0] if pairs else ([], None)


def _other_masks(found: Sequence[_Named], path: Path, root: Path, lookup: NameLookup) -> list[str]:
    """Return a note if the list names masks of a folder that this data folder does not take them from."""
    for one in found:
        if one.mask is None or one.sample.mask is None:
            continue
        listed = list(lookup.parts(one.mask)[:-1])
        used = list(lookup.below(one.sample.mask)[:-1])
        while listed and used and listed[-1] == used[-1]:
            listed.pop()
            used.pop()
        if listed and used:
            return [
                f"{path} names masks in {'/'.join(listed)}; those of {root / '/'.join(used)} are used, since "
                "the data folder decides where masks come from."
            ]
    return []


def _unknown(
    unknown: Sequence[Line],
    lines: Sequence[Line],
    path: Path,
    root: Path,
    train: SampleIndex,
    others: Sequence[Sample],
) -> str:
    """Say what is wrong with lines that name no training image."""
    lookup = NameLookup(SampleIndex.of(others), root, image_texts(unknown))
    for line in unknown:
        for text in line.readings():
            if matches := lookup.exact(line.text) or lookup.find(text):
                return (
                    f"{path}: line {line.number}: {text!r} belongs to the {matches[0].part} part, which is "
                    "never trained on; take it off the list."
                )
    line = unknown[0]
    hint = nearest_hint(line.readings()[0], train)
    return (
        f"{path}: {unknown_names(unknown, lines)}: no training image is called "
        f"{line.text!r}{hint}; correct the list."
    )
