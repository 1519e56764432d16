"""Finding an image by what a list calls it: name, stem, file name, or a path whose folders may be foreign."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.file_names import last_part, stem_of, suffix_of, without_ending, without_suffix
from mutualseg.data.grouping import bare_name
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS, Sample, is_image_file
from mutualseg.nearest import nearest_name

_COMPARED = 5000
"""Names that are compared with a wrong one at most, the neighbors in sorted order: it takes time."""


class NameLookup:
    """The samples that some texts may name.

    A text means the sample that it spells out: by name, with or without part, suffix or folders from the
    data folder on. Else it means the sample whose path it ends as, or that ends as it does, so that
    "JPEGImages/a.jpg" finds images/a.jpg and "a" finds images/x/a.jpg; folders that contradict each other,
    as in "y/a" or "val/a", find nothing. Endings such as _leftImg8bit do not count.

    Args:
        samples: Where to look.
        root: The data folder.
        texts: All texts that will be asked for; what none of them may mean is not kept.
    """

    def __init__(self, samples: SampleIndex, root: Path, texts: Iterable[str]) -> None:
        self._samples = samples
        self._root = f"{root.absolute()}/"
        self._roots = tuple({f"{root}/", self._root})
        self._places: dict[str, list[int]] = defaultdict(list)
        wanted = {key for text in texts for key in _keys(self.parts(text))}
        for place, (name, file, _) in enumerate(samples.facts()):
            last, stem = last_part(name), stem_of(last_part(file))
            for key in (
                {without_ending(last), without_ending(stem)} if stem != last else (without_ending(last),)
            ):
                if key in wanted:
                    self._places[key].append(place)

    def parts(self, text: str) -> tuple[str, ...]:
        """Return the parts of a path as a list has it, from the data folder on if it leads there."""
        composed = _composed(text.removeprefix(self._root).replace("\\", "/"))
        return tuple(part for part in composed.split("/") if part not in ("", "."))

    def exact(self, text: str) -> list[Sample]:
        """Return the samples that a text spells out."""
        parts = self.parts(text)
        spelled = "/".join(parts)
        return [sample for sample in self._alike(parts) if spelled in self._spellings(sample)]

    def find(self, text: str) -> list[Sample]:
        """Return the samples that a text means; several if it does not say which."""
        exact = self.exact(text)
        if exact:
            return exact
        parts = self.parts(text)
        overlaps = [(self.overlap(parts, sample), sample) for sample in self._alike(parts)]
        longest = max((overlap for overlap, _ in overlaps), default=0)
        return [sample for overlap, sample in overlaps if overlap == longest > 0]

    def names_mask(self, text: str, sample: Sample) -> bool:
        """Tell whether a text may be the mask of a sample, of whatever folder of masks."""
        parts = self.parts(text)
        if self.overlap(parts, sample):
            return True
        return sample.mask is not None and _tail(_plain(parts), _plain(self.below(sample.mask))) > 0

    def below(self, path: Path) -> tuple[str, ...]:
        """Return the parts of a path below the data folder."""
        return tuple(_composed(self._inside(path)).split("/"))

    def overlap(self, parts: Sequence[str], sample: Sample) -> int:
        """Return how many parts from the last on a text and a sample share; 0 if they contradict."""
        plain, longest = _plain(parts), 0
        for own in (_plain(bare_name(sample).split("/")), _plain(self.below(sample.image))):
            named = [part for part in plain[: -len(own)] if part in PARTS]
            if not named or named[-1] == sample.part:
                longest = max(longest, _tail(plain, own))
        return longest

    def _alike(self, parts: Sequence[str]) -> list[Sample]:
        places = {place for key in _keys(parts) for place in self._places.get(key, ())}
        return [self._samples[place] for place in sorted(places)]

    def _spellings(self, sample: Sample) -> set[str]:
        bare, path = bare_name(sample), _composed(self._inside(sample.image))
        suffix = suffix_of(path)
        return {sample.name, bare, sample.name + suffix, bare + suffix, path, without_suffix(path)}

    def _inside(self, path: Path) -> str:
        """Return a path from the data folder on; elsewhere as it is."""
        text = str(path)
        root = next((root for root in self._roots if text.startswith(root)), "")
        return text[len(root) :]


def nearest_listed(text: str, samples: Iterable[Sample]) -> str | None:
    """Return the name most like one that a list has and no sample."""
    names = sorted({bare_name(sample) for sample in samples})
    depth = 1 + max((name.count("/") for name in names[:1]), default=0)
    wrong = "/".join(_plain([part for part in text.replace("\\", "/").split("/") if part])[-depth:])
    middle = bisect_left(names, wrong)
    first = max(0, min(middle - _COMPARED // 2, len(names) - _COMPARED))
    return nearest_name(wrong, names[first : first + _COMPARED])


def nearest_hint(text: str, samples: Iterable[Sample]) -> str:
    """Return the part of a message that offers what `nearest_listed` finds; empty where there is nothing."""
    nearest = nearest_listed(text, samples)
    return f"; the nearest name is {nearest!r}" if nearest else ""


def _composed(text: str) -> str:
    """Return a text with accents spelled in one character, as sample names are."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _keys(parts: Sequence[str]) -> set[str]:
    """Return what the last part of a sample may be if a text means it."""
    if not parts:
        return set()
    return {without_ending(parts[-1]), *_plain(parts[-1:])}


def _plain(parts: Sequence[str]) -> tuple[str, ...]:
    """Return parts whose last has neither the suffix of an image nor an ending."""
    if not parts:
        return ()
    last = without_suffix(parts[-1]) if is_image_file(parts[-1]) else parts[-1]
    return (*parts[:-1], without_ending(last))


def _tail(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the shorter one if the longer ends in it, else 0."""
    shared = min(len(one), len(other))
    return shared if shared and tuple(one[-shared:]) == tuple(other[-shared:]) else 0
