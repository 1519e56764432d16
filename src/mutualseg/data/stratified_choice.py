"""Labeled and held-out images that keep every class where that can be helped: `mutualseg split`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutualseg.data.class_cover import cover_classes
from mutualseg.data.class_pixels import ClassPixels, Counts
from mutualseg.data.grouping import nearest_prefix
from mutualseg.data.samples import Sample
from mutualseg.data.stratification import stratified_order

Groups = list[list[Sample]]


def stratify(spread: Groups, count: int, pixels: ClassPixels, notes: list[str]) -> list[Sample]:
    """Return about `count` images of groups in an order that is spread, others swapped in for rare classes.

    Fewer images lie within more (see `stratified_order`), unless so few are asked for that only another
    choice holds all classes: then that one is taken.

    Args:
        spread: The groups, of which the first would be taken.
        count: Images to choose, as nearly as whole groups allow.
        pixels: The pixels of each class in every sample.
        notes: Receives what was done.
    """
    sizes = np.array([len(group) for group in spread], np.int64)
    images, amounts = _counts(spread, pixels)
    blind = list(range(nearest_prefix(spread, count)))
    order = stratified_order(sizes, images, amounts)
    chosen = order[: nearest_prefix([spread[place] for place in order], count)]
    available = images.sum(0) > 0
    if _held(images, chosen) < available.sum():
        fewest = cover_classes(images > 0, sizes, count)
        if _held(images, fewest) > _held(images, chosen):
            chosen = _filled(fewest, order, sizes, count)
    notes += _report(spread, blind, chosen, images, amounts, pixels.classes)
    return [sample for place in chosen for sample in spread[place]]


def keep_classes(shuffled: Groups, count: int, pixels: ClassPixels) -> Groups:
    """Return groups with those last that may not be held out: some class would leave training with them.

    Args:
        shuffled: Groups, of which the first are to be held out.
        count: Images to hold out, as nearly as whole groups allow.
        pixels: The pixels of each class in every sample.
    """
    images, _ = _counts(shuffled, pixels)
    left = images.sum(0)
    free: Groups = []
    needed: Groups = []
    for group, held in zip(shuffled, images, strict=True):
        if ((left == held) & (held > 0)).any():
            needed.append(group)
        else:
            free.append(group)
            left = left - held
    if sum(map(len, free)) >= count:
        return free + needed
    # Taken one by one they came to an end; others may go if few that hold all classes stay.
    sizes = np.array([len(group) for group in shuffled], np.int64)
    stay = set(cover_classes(images > 0, sizes, int(sizes.sum()) - count))
    order = sorted(range(len(shuffled)), key=lambda place: (place in stay, place))
    return [shuffled[place] for place in order]


def lost_classes(trained: Sequence[Sample], everything: Sequence[Sample], pixels: ClassPixels) -> list[str]:
    """Return the classes that images hold but those that are trained on do not."""
    before, after = (pixels.of(samples).sum(0) > 0 for samples in (everything, trained))
    return [name for name, lost in zip(pixels.classes, before & ~after, strict=True) if lost]


def _counts(groups: Groups, pixels: ClassPixels) -> tuple[Counts, Counts]:
    """Return the images of each group that hold each class, and the pixels they have, each [G,K]."""
    per_image = [pixels.of(group) for group in groups]
    images = np.array([(own > 0).sum(0) for own in per_image], np.int64)
    return images, np.array([own.sum(0) for own in per_image], np.int64)


def _held(images: Counts, chosen: Sequence[int]) -> int:
    return int((images[list(chosen)].sum(0) > 0).sum())


def _filled(cover: list[int], order: Sequence[int], sizes: Counts, count: int) -> list[int]:
    """Return groups with more of the order added as long as that comes nearer to the count."""
    filled, total = list(cover), int(sizes[cover].sum())
    for place in order:
        if place not in cover and abs(total + sizes[place] - count) < abs(total - count):
            filled.append(place)
            total += int(sizes[place])
    return filled


def _report(
    spread: Groups,
    blind: Sequence[int],
    chosen: Sequence[int],
    images: Counts,
    amounts: Counts,
    classes: Sequence[str],
) -> list[str]:
    """Say what stratification did, and which classes are absent nevertheless."""
    sentences = []
    new = sum(len(spread[place]) for place in set(chosen) - set(blind))
    before, after = images[list(blind)].sum(0), images[list(chosen)].sum(0)
    if new:
        gained = [name for name, i, j in zip(classes, before, after, strict=True) if not i and j]
        if gained:
            why = f"they lacked {_listed(gained)}"
        else:
            more = (after > before) | (amounts[list(chosen)].sum(0) > amounts[list(blind)].sum(0))
            share = amounts[list(blind)].sum(0) / np.maximum(1, amounts.sum(0))
            rarest = [classes[place] for place in np.argsort(share, kind="stable") if more[place]]
            why = f"they held little of {_listed(rarest[:1])}"
        total = sum(len(spread[place]) for place in chosen)
        verb = "was" if new == 1 else "were"
        sentences.append(
            f"{new} of the {total} labeled images {verb} swapped in for others that are more evenly spread "
            f"over the names: {why}."
        )
    absent = [
        name for name, own, every in zip(classes, after, images.sum(0), strict=True) if not own and every
    ]
    if absent:
        total = sum(len(spread[place]) for place in chosen)
        sentences.append(
            f"No choice of {total} was found that holds every class: {_listed(absent)} "
            f"{'is' if len(absent) == 1 else 'are'} absent from the labeled ones; keep more labels."
        )
    return sentences


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
