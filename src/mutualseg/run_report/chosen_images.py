"""Which val images are shown: the best, the median and the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mutualseg.run_report.val_images import ImageScore

_OF_EACH = 2


class ChosenImage(NamedTuple):
    """An image to show."""

    kind: str
    """best, median or worst."""
    name: str


def choose_images(scores: Sequence[Mapping[str, float]], of_each: int = _OF_EACH) -> list[ChosenImage]:
    """Return the best, the median and the worst images, by their mean score over runs; none twice.

    Equal scores are told apart by name, so that the same runs show the same images.

    Args:
        scores: of each run, name of an image to its score; images that not all runs have are left out.
        of_each: how many of each kind at most.
    """
    if not scores:
        return []
    common = set(scores[0]).intersection(*scores[1:])
    ranked = sorted(common, key=lambda name: (-sum(own[name] for own in scores), name))
    count = min(of_each, max(1, len(ranked) // 3))
    if len(ranked) == 1:
        return [ChosenImage("only", ranked[0])]
    if len(ranked) == 2:
        return [ChosenImage("better", ranked[0]), ChosenImage("worse", ranked[1])]
    middle = (len(ranked) - count) // 2
    groups = {
        "best": ranked[:count],
        "median": ranked[middle : middle + count],
        "worst": ranked[len(ranked) - count :],
    }
    return [ChosenImage(kind, name) for kind, names in groups.items() for name in names]


def scores_by_name(images: Sequence[ImageScore]) -> dict[str, float]:
    """Return the mIoU of each image by its name."""
    return {image.name: image.miou for image in images}
