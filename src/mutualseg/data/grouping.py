"""Groups of images that stay together: frames of one video, slices of one patient."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence, Set

import numpy as np

from mutualseg.data.file_names import without_suffix
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS, Sample
from mutualseg.errors import SplitError


class Grouping:
    """Maps a sample to its group; without a pattern every image is a group of its own.

    Args:
        pattern: Regular expression searched in the sample's name without its part ("0001TP_006690").
            Its group 1, or else the whole match, is the key. What it does not match stands alone.
    """

    def __init__(self, pattern: str | None) -> None:
        self.pattern = pattern
        try:
            self._regex = re.compile(pattern) if pattern is not None else None
        except (re.error, OverflowError, RecursionError) as error:
            raise SplitError(
                f"--group {pattern!r} is not a regular expression ({error}); correct it."
            ) from None

    def key(self, sample: Sample) -> str:
        """Return the key of the sample's group."""
        match = self._regex.search(bare_name(sample)) if self._regex else None
        if match is None:
            return f"alone/{sample.name}"
        first = match.group(1) if match.re.groups else None
        return f"group/{match.group() if first is None else first}"

    def gather(self, samples: Iterable[Sample]) -> dict[str, list[Sample]]:
        """Return the samples by group."""
        groups: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            groups[self.key(sample)].append(sample)
        return dict(groups)

    def places_in(self, samples: SampleIndex, keys: Container[str]) -> list[int]:
        """Return the places of the samples whose group is among the keys."""
        if self._regex is None:  # the names are enough, and there may be a million
            found = (f"alone/{name}" for name in samples.names())
        else:
            found = (self.key(sample) for sample in samples)
        return [place for place, key in enumerate(found) if key in keys]

    def require_match(self, samples: Sequence[Sample]) -> None:
        """Raise if there is a pattern and it matches none of the samples."""
        if self._regex and not any(self._regex.search(bare_name(sample)) for sample in samples):
            example = f", such as {bare_name(samples[0])!r}" if samples else ""
            raise SplitError(f"--group {self.pattern!r} matches no image name{example}; correct the pattern.")


def bare_name(sample: Sample) -> str:
    """Return the sample's path below its part's folder or `--unlabeled` folder, without suffix."""
    head, slash, rest = sample.name.partition("/")
    if sample.is_external:
        return without_suffix(rest if slash else head)
    return rest if slash and head in PARTS else sample.name


def nearest_prefix(groups: Sequence[Sequence[Sample]], count: int) -> int:
    """Return how many of the first groups come nearest to `count` samples, at least one group.

    A larger count never takes fewer groups, so choices from one order are nested.
    """
    total, best, distance = 0, 0, None
    for taken, group in enumerate(groups, start=1):
        total += len(group)
        if distance is None or abs(total - count) < distance:
            best, distance = taken, abs(total - count)
    return best


def without_groups_of(
    scored: Sequence[Sample],
    samples: SampleIndex,
    grouping: Grouping,
    notes: list[str],
    expected: Set[str] = frozenset(),
) -> SampleIndex:
    """Return the samples whose group is not among the scored ones, and note how many others there were.

    Args:
        scored: Samples of val and test.
        samples: Training samples.
        grouping: What a group is.
        notes: Receives how many were left out.
        expected: Names of samples that leave without a note.
    """
    places = grouping.places_in(samples, {grouping.key(sample) for sample in scored})
    dropped = [name for name in samples.select(places).names() if name not in expected]
    if dropped:
        notes.append(
            f"{len(dropped)} training images are left out, since images of their group are in val or test "
            f"({dropped[0]})."
        )
    return samples.select(np.delete(np.arange(len(samples)), places))
