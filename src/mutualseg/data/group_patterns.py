"""A pattern for `split --group`, found in the names of images that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mutualseg.data.grouping import Grouping
from mutualseg.data.samples import Sample

_PATTERNS = (
    r"^(.*?)[_.-]?\d+$",  # seq01_0001: the recording, before the number of the frame
    r"^(.*?)[_.-]?\d+[_.-][^/\d]*$",  # aachen_000000_000019_leftImg8bit
    r"^(.+)[_.-][^_./-]*$",  # 0012_flipped: the image, before what was done to it
    r"^(.*?\d+)",  # IMG_12 (copy): up to the first number
    r"^(.*)/",  # the folder of a recording
    r"^([^_./-]+)",  # the first word
    r"^([^/]+)/",  # the outermost folder
    r"^(\D+)",  # what stands before the first number
)
_LEAST_LABELED = 2
"""Labeled training images that must remain, or the pattern is no cure."""


class GroupPattern(NamedTuple):
    """A pattern that keeps look-alikes on one side, and what it costs."""

    pattern: str
    left_out: int
    """Training images whose group is in val or test; `split --group` leaves them out."""


def group_pattern(
    pairs: Sequence[tuple[Sample, Sample]], train: Sequence[Sample], scored: Sequence[Sample]
) -> GroupPattern | None:
    """Return the pattern that keeps each pair together and leaves out the fewest labeled images.

    Each candidate is tried as `split --group` would use it.

    Args:
        pairs: Images that look alike.
        train: All training images, labeled or not.
        scored: Those of val and test.

    Returns:
        None if no pattern keeps all pairs together, or none leaves labeled images in two groups to train on.
    """
    masked = [sample for sample in train if sample.mask is not None]
    found = []
    for pattern in _PATTERNS:
        grouping = Grouping(pattern)
        if any(grouping.key(one) != grouping.key(other) for one, other in pairs):
            continue
        taken = _keys(grouping, scored)
        labeled = [sample for sample in masked if grouping.key(sample) not in taken]
        if len(labeled) < _LEAST_LABELED:
            continue
        groups = len(_keys(grouping, labeled))
        if groups < 2 and not scored:  # then one side would have all
            continue
        found.append((len(labeled), groups, grouping, taken))
    if not found:
        return None
    _, _, grouping, taken = max(found, key=lambda entry: entry[:2])
    return GroupPattern(str(grouping.pattern), sum(grouping.key(sample) in taken for sample in train))


def _keys(grouping: Grouping, samples: Iterable[Sample]) -> set[str]:
    return {grouping.key(sample) for sample in samples}
