"""Choosing labeled images: how many `--labeled` means, which are kept, which are held out as val."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from mutualseg.addressing import address
from mutualseg.data.class_pixels import ClassPixels
from mutualseg.data.grouping import Grouping, nearest_prefix
from mutualseg.data.natural_order import natural_key
from mutualseg.data.samples import Sample
from mutualseg.data.stratified_choice import keep_classes, lost_classes, stratify
from mutualseg.errors import SplitError

_HELD_OUT_SHARE = 10  # one in ten
HELD_OUT_LEAST = 2
"""Images that are held out as val at least."""


def labeled_count(labeled: str | int, available: int = sys.maxsize) -> int | None:
    """Return how many labeled images to keep of those available; None if `labeled` is a file of names.

    1/n keeps ceil(available / n).
    """
    text = str(labeled).strip()
    fraction = re.fullmatch(r"1\s*/\s*(\d+)", text)
    if fraction and int(fraction[1]) > 0:
        return -(-available // int(fraction[1]))
    if re.fullmatch(r"\d+", text) and int(text) > 0:
        if int(text) > available:
            raise SplitError(
                f"--labeled {text} asks for more than the {available} labeled images that may be trained "
                "on; give a smaller number."
            )
        return int(text)
    if not Path(text).is_file():
        raise SplitError(
            f"--labeled {text} is neither a fraction such as 1/16 (1/1 is all), nor a number, nor a file "
            "of names; give one of these."
        )
    return None


def _shuffled(samples: Sequence[Sample], grouping: Grouping, seed: int) -> list[list[Sample]]:
    groups = grouping.gather(samples)
    return [groups[key] for key in sorted(groups, key=lambda key: (address(seed, "held out", key), key))]


def _spread(samples: Sequence[Sample], grouping: Grouping, seed: int) -> list[list[Sample]]:
    """Return the groups so that those of any beginning lie spread over the sorted names.

    Neighbors in a folder look alike: frames of a video, slices of a body, shots of one place. Labels at
    random take some twice and miss others; whoever labels by hand spreads them out.
    """
    groups = sorted(grouping.gather(samples).values(), key=lambda group: natural_key(group[0].name))
    bits = max(1, (len(groups) - 1).bit_length())
    places = (_scrambled(rank, bits, seed) * len(groups) >> bits for rank in range(2**bits))
    return [groups[place] for place in dict.fromkeys(places)]


def _scrambled(rank: int, bits: int, seed: int) -> int:
    """Return where in [0, 2^bits) a rank stands: a point of van der Corput's sequence, scrambled by Owen.

    The first 2^k ranks fall into the 2^k equal parts of the range, one into each, at random within it: a
    fixed distance would beat with names that repeat, such as left and right pictures or tiles of a scene.
    """
    place, prefix = 0, 1
    for level in range(bits):
        bit = rank >> level & 1
        place = place << 1 | bit ^ _flip(seed, prefix)
        prefix = prefix << 1 | bit
    return place


@lru_cache(maxsize=2**20)
def _flip(seed: int, prefix: int) -> int:
    return address(seed, "labeled", prefix) & 1


def hold_out(
    masked: Sequence[Sample],
    listed: Sequence[Sample],
    grouping: Grouping,
    seed: int,
    notes: list[str],
    pixels: ClassPixels | None = None,
) -> list[Sample]:
    """Return a tenth of the images with masks; those that a list wants to train on come last.

    Given the pixels of each class in the images, no class leaves training with them if that can be helped.
    """
    wanted = {sample.name for sample in listed}
    groups = drawn = _shuffled(masked, grouping, seed)
    count = max(HELD_OUT_LEAST, -(-len(masked) // _HELD_OUT_SHARE))
    if pixels is not None and drawn:
        groups = keep_classes(drawn, count, pixels)
    groups.sort(key=lambda group: any(sample.name in wanted for sample in group))
    taken = nearest_prefix(groups, count) if groups else 0
    while taken < len(groups) and sum(map(len, groups[:taken])) < HELD_OUT_LEAST:
        taken += 1
    if taken >= len(groups):
        kind = "groups of labeled images" if grouping.pattern else "labeled images"
        raise SplitError(
            f"There is no val part, and {len(groups)} {kind} are too few to hold some out; label more "
            "images, or add a val/ part."
        )
    held = [sample for group in groups[:taken] for sample in group]
    notes.append(
        f"There is no val part with masks: {len(held)} of {len(masked)} labeled images are held out "
        "as val and never trained on."
    )
    if pixels is not None:
        first = {sample.name for group in drawn[:taken] for sample in group}
        spared = len(first - {sample.name for sample in held})
        if spared:
            notes.append(
                f"{spared} others were drawn, without which training would lose a class, and stay in it."
            )
        lost = lost_classes([sample for group in groups[taken:] for sample in group], masked, pixels)
        if lost:
            notes.append(f"All images that hold {', '.join(lost)} are held out; label more of them.")
    return held


def choose(
    masked: Sequence[Sample],
    labeled: str | int | None,
    grouping: Grouping,
    seed: int,
    notes: list[str],
    pixels: ClassPixels | None = None,
) -> list[Sample]:
    """Return the labeled training images that `labeled` keeps, spread over the sorted names.

    Given the pixels of each class in the images, rare classes are kept too (see `stratify`).
    """
    if not masked:
        raise SplitError("No labeled image is left to train on; label more images, or change --group.")
    count = len(masked) if labeled is None else labeled_count(labeled, len(masked))
    if count is None or count == len(masked):
        return list(masked)
    groups = _spread(masked, grouping, seed)
    if pixels is None:
        chosen = [sample for group in groups[: nearest_prefix(groups, count)] for sample in group]
    else:
        chosen = stratify(groups, count, pixels, notes)
    if len(chosen) != count:
        notes.append(f"--labeled {labeled} means {count} images; whole groups make it {len(chosen)}.")
    return chosen


def whole_groups(
    listed: Sequence[Sample], masked: Sequence[Sample], grouping: Grouping, path: Path, notes: list[str]
) -> list[Sample]:
    """Return the listed images that were not held out; a list that divides a group is an error."""
    left = {sample.name for sample in masked}
    chosen = [sample for sample in listed if sample.name in left]
    if len(chosen) < len(listed):
        notes.append(
            f"{len(listed) - len(chosen)} images of {path} are not trained on: they or their group are val."
        )
    names = {sample.name for sample in chosen}
    keys = {grouping.key(sample): sample for sample in chosen}
    for sample in masked:
        if sample.name not in names and grouping.key(sample) in keys:
            raise SplitError(
                f"{path} names {keys[grouping.key(sample)].name} but not {sample.name} of the same group; "
                "list whole groups, or leave out --group."
            )
    if not chosen:
        raise SplitError(f"{path} leaves no labeled image to train on; list more images.")
    return chosen
