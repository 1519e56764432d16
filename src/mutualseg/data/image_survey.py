"""Which code the images of a data set have: found from their headers, measured on a few of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mutualseg.data.image_codes import ImageCode
from mutualseg.data.image_kinds import Depth, ImageKind, bands_in_words, image_kind
from mutualseg.data.samples import Sample
from mutualseg.errors import ConfigError, ImageError

LOOKED_AT = 2000
"""Training images whose headers say what all are."""
MEASURED = 200
"""Training images whose numbers are looked at, unless they are 8-bit RGB."""

_PIXELS = 2**22
"""Of larger images every so many-th line and column is enough for the mean."""

_RANGES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)
"""Largest values of cameras and scanners, which files of 16 bits hold."""


def find_code(
    training: Sequence[Sample],
    scored: Sequence[Sample],
    channels: int | None = None,
    *,
    skip_broken: bool = False,
) -> tuple[ImageCode, list[str]]:
    """Return how the images of a run are read, and sentences for the user about it.

    Without `channels`, 8-bit gray and color are RGB; deeper images have the channels that they have, gray
    one; alpha is dropped.

    Args:
        training: labeled and unlabeled images; evenly spaced ones are looked at.
        scored: images of val and test, all looked at.
        channels: that are wanted.
        skip_broken: leave out images that cannot be read, or are of another kind than most, to whoever skips
            them.

    Raises:
        ConfigError: The images do not have so many channels.
        ImageError: One cannot be read, or their depths or bands differ.
    """
    files = [sample.image for sample in (*_evenly(training, LOOKED_AT), *scored)]
    with ThreadPoolExecutor() as pool:
        kinds = list(pool.map(_kind_or_none if skip_broken else image_kind, files))
    seen = [_Seen(file, kind) for file, kind in zip(files, kinds, strict=True) if kind is not None]
    if skip_broken and seen:
        is_usual = majority([one.kind for one in seen])
        seen = [one for one in seen if is_usual(one.kind)]
    depth = _one_depth(seen)
    code = ImageCode(_bands(seen, depth) if channels is None else channels, depth)
    for one in seen:
        if not code.fits(one.kind):
            raise ConfigError(
                f"--channels {code.channels} does not fit {one.file}, which has {one.kind.words()}; "
                f"give --channels {one.kind.colors}, or leave it out."
            )
    notes = _notes(seen, code) if channels is None else []
    if code.is_rgb:
        return code, notes
    code = _measured(code, [sample.image for sample in _evenly(training, MEASURED)], skip_broken)
    scale = "" if code.kind == "8-bit" else f", {code.low:g} to {code.high:g}"
    words = bands_in_words(code.channels, code.kind)
    return code, [f"Images are read as {words}{scale}, normalized as measured on them.", *notes]


def _kind_or_none(file: Path) -> ImageKind | None:
    try:
        return image_kind(file)
    except ImageError:
        return None


@dataclass(frozen=True)
class _Seen:
    file: Path
    kind: ImageKind


def _one_depth(seen: Sequence[_Seen]) -> Depth:
    """Return the depth that all have."""
    counts = Counter(one.kind.depth for one in seen)
    if len(counts) > 1:
        parts = [
            f"{count} of {bands_in_words(2, depth).split(' of ')[1]} ({_first(seen, depth=depth)})"
            for depth, count in counts.most_common()
        ]
        raise ImageError(
            f"The images have different depths: {' and '.join(parts)}; save all with the same, or leave "
            "out the few."
        )
    return next(iter(counts), "8-bit")


def _bands(seen: Sequence[_Seen], depth: Depth) -> int:
    """Return the channels that fit all."""
    counts = Counter(one.kind.colors for one in seen)
    if set(counts) <= {1, 3}:
        return 1 if set(counts) == {1} and depth != "8-bit" else 3
    if len(counts) > 1:
        parts = [
            f"{count} with {bands} ({_first(seen, bands=bands)})" for bands, count in counts.most_common()
        ]
        raise ImageError(
            f"The images have different numbers of bands: {' and '.join(parts)}; save all with the same, or "
            "leave out the few."
        )
    return next(iter(counts))


def _first(seen: Sequence[_Seen], *, depth: Depth | None = None, bands: int | None = None) -> Path:
    return next(one.file for one in seen if depth == one.kind.depth or bands == one.kind.colors)


def _notes(seen: Sequence[_Seen], code: ImageCode) -> list[str]:
    with_alpha = [one for one in seen if one.kind.has_alpha]
    if not with_alpha:
        return []
    most = Counter(one.kind.bands for one in with_alpha).most_common(1)[0][0]
    everywhere = f"; --channels {most} reads it as a band" if len(with_alpha) == len(seen) else ""
    return [f"The alpha of {len(with_alpha)} images is dropped ({with_alpha[0].file}){everywhere}."]


def _measured(code: ImageCode, files: Sequence[Path], skip_broken: bool) -> ImageCode:
    """Return a code with the range of the numbers of some files, and their mean and spread per channel."""

    def moments_of(file: Path) -> _Moments | ImageError:
        try:
            return _Moments.of(code.read_unscaled(file))
        except ImageError as error:
            return error

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(moments_of, files))
    moments = [one for one in found if not isinstance(one, ImageError)]
    broken = [one for one in found if isinstance(one, ImageError)]
    if broken and (not skip_broken or not moments):
        raise broken[0]
    total = _Moments.sum(moments)
    low, high = code.low, code.high
    if code.kind == "16-bit":
        high = float(next(value for value in _RANGES if total.high <= value))
    elif code.kind == "float":
        low, high = total.low, total.high if total.high > total.low else total.low + 1
    spread = np.sqrt(total.squares / total.count) / (high - low)
    return replace(
        code,
        low=low,
        high=high,
        mean=_rounded((total.mean - low) / (high - low)),
        # A band that is the same everywhere says nothing; it shall not become infinite either.
        std=_rounded(np.where(spread > 1e-6, spread, 1.0)),
    )


@dataclass(frozen=True)
class _Moments:
    """Of numbers [N,C]: how many, their range, and per channel their mean and sum of squared differences."""

    count: int
    low: float
    high: float
    mean: npt.NDArray[np.float64]
    squares: npt.NDArray[np.float64]

    @classmethod
    def of(cls, numbers: npt.NDArray[Any]) -> _Moments:
        step = ceil(sqrt(numbers.shape[0] * numbers.shape[1] / _PIXELS))
        flat = numbers[::step, ::step].reshape(-1, numbers.shape[-1]).astype(np.float64)
        mean = flat.mean(0)
        squares = ((flat - mean) ** 2).sum(0)
        return cls(len(flat), float(numbers.min()), float(numbers.max()), mean, squares)

    @classmethod
    def sum(cls, parts: Sequence[_Moments]) -> _Moments:
        count = sum(part.count for part in parts)
        mean = np.sum([part.count / count * part.mean for part in parts], axis=0)
        squares = np.sum([part.squares + part.count * (part.mean - mean) ** 2 for part in parts], axis=0)
        return cls(count, min(part.low for part in parts), max(part.high for part in parts), mean, squares)


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return numbers that do not depend on the order in which a processor adds."""
    return tuple(float(f"{value:.6g}") for value in values.tolist())


def majority(kinds: Sequence[ImageKind]) -> Callable[[ImageKind], bool]:
    """Return what tells whether an image is of the kind that most have; gray and RGB of one depth are one.

    Args:
        kinds: of all images, at least one.
    """
    most = Counter(map(_family, kinds)).most_common(1)[0][0]
    return lambda kind: _family(kind) == most


def _family(kind: ImageKind) -> tuple[Depth, int]:
    return kind.depth, 3 if kind.colors == 1 else kind.colors


def _evenly(samples: Sequence[Sample], most: int) -> Iterable[Sample]:
    """Yield at most so many samples, first and last among them."""
    count = min(len(samples), most)
    return (samples[place * (len(samples) - 1) // max(1, count - 1)] for place in range(count))
