"""The samples of a very large folder: a few bytes each, and a `Sample` only for the one that is looked at."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from mutualseg.data.file_names import last_part, stem_of, suffix_of
from mutualseg.data.packed_texts import PackedTexts
from mutualseg.data.samples import Part, Sample

_AT_ONCE = 65536


class Head(NamedTuple):
    """What the paths and names of many samples begin with, and how a name follows from a path's rest."""

    image: str
    name: str
    rule: Literal["whole", "stem", "spelled"]
    """The name's rest is the path's rest, or that without its suffix, or is spelled out beside it."""
    part: Part

    def image_of(self, tail: str) -> str:
        """Return the path of the image."""
        return self.image + (_spelled(tail)[1] if self.rule == "spelled" else tail)

    def sample_of(self, tail: str, mask: str | None) -> Sample:
        """Return the sample itself."""
        return Sample(Path(self.image_of(tail)), Path(mask) if mask else None, self.name_of(tail), self.part)

    def name_of(self, tail: str) -> str:
        """Return the sample's name."""
        if self.rule == "whole":
            return self.name + tail
        return self.name + (stem_of(tail) if self.rule == "stem" else _spelled(tail)[0])


class SampleIndex(Sequence[Sample]):
    """An immutable sequence of samples, equal to the tuple of them.

    About as many bytes per image as its path below the folder has, in a few bytes objects and arrays:
    forked loader processes share them, spawned ones receive them as one block.

    Args:
        heads: what paths and names begin with.
        head_of: which head each sample has, integers [N].
        tails: the rest of each sample's path.
        masked: places of the samples that have a mask, ascending integers [M].
        masks: their masks' paths.
    """

    def __init__(
        self,
        heads: tuple[Head, ...],
        head_of: npt.NDArray[Any],
        tails: PackedTexts,
        masked: npt.NDArray[Any],
        masks: PackedTexts,
    ) -> None:
        self.heads = heads
        self.head_of = head_of.astype(np.min_scalar_type(len(heads)))
        self.tails = tails
        self.masked = masked.astype(np.int64)
        self.masks = masks
        self.head_of.flags.writeable = self.masked.flags.writeable = False

    @classmethod
    def below(cls, head: Head, tails: Iterable[str], masks: Mapping[int, str]) -> SampleIndex:
        """Return the samples of one head; `masks` are paths by place."""
        packed = PackedTexts.pack(tails)
        places = sorted(masks)
        return cls(
            (head,),
            np.zeros(len(packed)),
            packed,
            np.array(places, np.int64),
            PackedTexts.pack(masks[place] for place in places),
        )

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> SampleIndex:
        """Return any samples as an index; an index is returned as it is."""
        if isinstance(samples, SampleIndex):
            return samples
        masks = {place: str(sample.mask) for place, sample in enumerate(samples) if sample.mask is not None}
        return cls.of_files(((sample.name, str(sample.image), sample.part) for sample in samples), masks)

    @classmethod
    def of_files(
        cls, files: Iterable[tuple[str, str, Part]], masks: Mapping[int, str] | None = None
    ) -> SampleIndex:
        """Return an index of (name, image path, part), finding what many of them have in common.

        Raises:
            ValueError: a name or path cannot be one of a file.
        """
        numbers: dict[Head, int] = {}
        head_of, tails = [], []
        for name, image, part in files:
            head, tail = _divided(name, image, part)
            head_of.append(numbers.setdefault(head, len(numbers)))
            tails.append(tail)
        masks = masks or {}
        return cls(
            tuple(numbers),
            np.array(head_of, np.int64),
            PackedTexts.pack(tails),
            np.array(sorted(masks), np.int64),
            PackedTexts.pack(masks[place] for place in sorted(masks)),
        )

    @classmethod
    def empty(cls) -> SampleIndex:
        """Return the index of no sample."""
        return cls.of_files(())

    def __len__(self) -> int:
        return len(self.tails)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> SampleIndex: ...

    def __getitem__(self, place: int | slice) -> Sample | SampleIndex:
        """Return one sample, or an index of some."""
        if isinstance(place, slice):
            return self.select(np.arange(len(self))[place])
        if not -len(self) <= place < len(self):
            raise IndexError(f"there is no sample {place} among {len(self)}")
        place %= len(self)
        row = int(np.searchsorted(self.masked, place))
        has_mask = row < len(self.masked) and self.masked[row] == place
        head, tail = self.heads[int(self.head_of[place])], self.tails[place]
        return head.sample_of(tail, self.masks[row] if has_mask else None)

    def __iter__(self) -> Iterator[Sample]:
        masks = iter(zip(self.masked.tolist(), self.masks, strict=True))
        due, mask = next(masks, (None, ""))
        for place, (head, tail) in enumerate(self._pairs()):
            yield head.sample_of(tail, mask if place == due else None)
            if place == due:
                due, mask = next(masks, (None, ""))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SampleIndex | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to a tuple, whose hash would cost all samples

    def __repr__(self) -> str:
        return f"<SampleIndex of {len(self)} samples, {len(self.masked)} with masks>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.heads, self.head_of, self.tails, self.masked, self.masks)

    @property
    def nbytes(self) -> int:
        """Return the bytes of memory that the index takes."""
        return self.tails.nbytes + self.head_of.nbytes + self.masked.nbytes + self.masks.nbytes

    def names(self) -> Iterator[str]:
        """Yield the samples' names in order."""
        return (head.name_of(tail) for head, tail in self._pairs())

    def facts(self) -> Iterator[tuple[str, str, bool]]:
        """Yield each sample's name, image path and `is_external`."""
        for head, tail in self._pairs():
            name, file = head.name_of(tail), head.image_of(tail)
            yield name, file, last_part(name) == last_part(file)

    def files(self) -> Iterator[str]:
        """Yield the paths of the images in order."""
        return (head.image_of(tail) for head, tail in self._pairs())

    def labeled(self) -> list[Sample]:
        """Return the samples that have a mask."""
        return [self[place] for place in self.masked.tolist()]

    def without_masks(self) -> SampleIndex:
        """Return the same images as unlabeled ones."""
        return SampleIndex(self.heads, self.head_of, self.tails, np.zeros(0), PackedTexts.pack(()))

    def select(self, places: npt.NDArray[Any] | Sequence[int]) -> SampleIndex:
        """Return the samples at places, integers [M] from 0 to len - 1, in their order."""
        chosen = np.asarray(places, np.int64)
        if len(chosen) == len(self) and np.array_equal(chosen, np.arange(len(self))):
            return self
        row_of = np.full(len(self), -1)
        row_of[self.masked] = np.arange(len(self.masked))
        rows = row_of[chosen]
        return SampleIndex(
            self.heads,
            self.head_of[chosen],
            self.tails.select(chosen),
            np.flatnonzero(rows >= 0),
            self.masks.select(rows[rows >= 0]),
        )

    def without(self, labeled: Container[str]) -> SampleIndex:
        """Return the samples but those that have a mask and one of the names."""
        places = [place for place in self.masked.tolist() if self[place].name in labeled]
        return self.select(np.delete(np.arange(len(self)), places))

    def sorted_by_name(self) -> SampleIndex:
        """Return the same samples in the order of their names."""
        if all(one <= two for one, two in pairwise(self.names())):
            return self
        names = list(self.names())
        return self.select(sorted(range(len(self)), key=names.__getitem__))

    def __add__(self, other: SampleIndex) -> SampleIndex:
        if not len(other):
            return self
        if not len(self):
            return other
        return SampleIndex(
            self.heads + other.heads,
            np.concatenate((self.head_of.astype(np.int64), other.head_of.astype(np.int64) + len(self.heads))),
            self.tails + other.tails,
            np.concatenate((self.masked, other.masked + len(self))),
            self.masks + other.masks,
        )

    def _pairs(self) -> Iterator[tuple[Head, str]]:
        if len(self.heads) == 1:
            return zip(repeat(self.heads[0]), self.tails, strict=False)
        heads = (
            self.heads[number]
            for first in range(0, len(self), _AT_ONCE)
            for number in self.head_of[first : first + _AT_ONCE].tolist()
        )
        return zip(heads, self.tails, strict=True)


def _divided(name: str, image: str, part: Part) -> tuple[Head, str]:
    """Return the head that a sample has in common with its neighbors, and its own rest."""
    rest = name[name.find("/") + 1 :]
    if last_part(rest) == last_part(image):
        if image.endswith(f"/{rest}"):
            return Head(image[: -len(rest)], name[: -len(rest)], "whole", part), rest
    else:
        tail = rest + suffix_of(image)
        if image.endswith(f"/{tail}") and stem_of(tail) == rest:
            return Head(image[: -len(tail)], name[: len(name) - len(rest)], "stem", part), tail
    return Head("", "", "spelled", part), f"{len(name)} {name}{image}"


def _spelled(tail: str) -> tuple[str, str]:
    """Return name and path of a sample whose tail spells out both, after the name's length."""
    length, _, text = tail.partition(" ")
    return text[: int(length)], text[int(length) :]
