"""One pass over labeled images and candidates: everything that choosing needs, a few numbers an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mutualseg.data.encoding import Encoding
from mutualseg.data.fingerprints import WORDS, fingerprint
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.masks import check_mask
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError
from mutualseg.suggesting.branches import Branches
from mutualseg.suggesting.coverage import standardized
from mutualseg.suggesting.looking import Look, look_at
from mutualseg.suggesting.rarity import class_weights
from mutualseg.suggesting.selection import Labeled, Pool, evenly
from mutualseg.terminal import is_shown_as_it_is

LABELED = 500
"""Labeled images that are looked at, evenly spaced: they stand for all others."""

Advance = Callable[[int, int], None]
"""Is called with (images looked at, images in all)."""


@dataclass(frozen=True)
class Examined:
    """What was found out."""

    samples: list[Sample]
    """The N candidates that can be read."""
    pool: Pool
    labeled: Labeled
    label_shares: npt.NDArray[np.float64]
    """Share of each class among the labeled pixels, [K]; equal ones where there are no labels."""
    looks: list[float]
    """Of each candidate the share of pixels that both opinions name differently."""
    skipped: list[tuple[Sample, str]]
    """Candidates that cannot be read, with the reason."""


class _Read(NamedTuple):
    sample: Sample
    image: Tensor | None
    """[C,H,W]."""
    print: npt.NDArray[np.uint64]
    reason: str = ""


def examine(
    branches: Branches,
    labeled: Sequence[Sample],
    candidates: Sequence[Sample],
    encoding: Encoding,
    num_classes: int,
    advance: Advance = lambda done, total: None,
) -> Examined:
    """Look at images once, while others are read; nothing of an image stays but a few numbers.

    Args:
        branches: ready to look.
        labeled: with masks; there may be none.
        candidates: the images that may be chosen.
        encoding: how files are read.
        num_classes: K.
        advance: told how far it is.

    Raises:
        DataError: a labeled image or its mask cannot be read, or no candidate can.
    """
    listable, odd = _listable(candidates)
    known = [labeled[int(place)] for place in evenly(len(labeled), LABELED)]
    counts = _label_counts(known, encoding, num_classes)
    total = counts.sum(0)
    shares = total / total.sum() if total.sum() else np.full(num_classes, 1 / num_classes)
    weights = torch.from_numpy(class_weights(shares)).float()
    steps = len(known) + len(listable)
    done = 0

    def look(samples: Sequence[Sample]) -> Iterator[tuple[_Read, Look | None]]:
        nonlocal done
        for read in look_ahead(partial(_read, encoding=encoding), samples):
            yield read, None if read.image is None else look_at(branches, read.image, weights)
            done += 1
            advance(done, steps)

    seen = list(_kept(look(known)))
    if bad := next((read for read, found in seen if found is None), None):
        raise DataError(bad.reason)
    found = list(_kept(look(listable)))
    usable = [(read.sample, read.print, own) for read, own in found if own is not None]
    skipped = [*odd, *((read.sample, read.reason) for read, own in found if own is None)]
    if not usable:
        raise DataError(f"None of {len(skipped)} unlabeled images can be read; {skipped[0][1]}")
    looks = [own for _, _, own in usable]
    features = _standardized([own for _, own in seen if own is not None] + looks, branches)
    per_image = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    scale = len(labeled) / max(1, len(known))
    return Examined(
        [sample for sample, _, _ in usable],
        Pool(
            np.array([own.uncertainty for own in looks], np.float32),
            np.stack([own.shares for own in looks]),
            features[len(known) :],
            np.stack([print_ for _, print_, _ in usable]),
        ),
        Labeled(
            np.asarray(per_image * scale, np.float32),
            features[: len(known)],
            np.array([read.print for read, _ in seen], np.uint64).reshape(len(known), WORDS),
        ),
        shares,
        [own.differing for own in looks],
        skipped,
    )


def _listable(candidates: Sequence[Sample]) -> tuple[Sequence[Sample], list[tuple[Sample, str]]]:
    """Return the candidates whose names can be written down, and the others with the reason."""
    reason = "{} has characters in its name that lists and annotation files cannot hold; rename it."
    odd = {
        place: (sample, reason.format(sample.image))
        for place, sample in enumerate(candidates)
        if not is_shown_as_it_is(str(sample.image))
    }
    kept = [sample for place, sample in enumerate(candidates) if place not in odd] if odd else candidates
    return kept, list(odd.values())


def _kept(looked: Iterator[tuple[_Read, Look | None]]) -> Iterator[tuple[_Read, Look | None]]:
    """Yield the same without the images themselves."""
    return ((read._replace(image=None), found) for read, found in looked)


def _read(sample: Sample, encoding: Encoding) -> _Read:
    try:
        pixels: npt.NDArray[Any] = encoding.images.read(sample.image)
    except DataError as error:
        return _Read(sample, None, np.zeros(0, np.uint64), str(error))
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    return _Read(sample, image, fingerprint(pixels))


def _label_counts(samples: Sequence[Sample], encoding: Encoding, num_classes: int) -> npt.NDArray[np.float64]:
    """Return the pixels of each class in each sample's mask, [L,K]."""

    def count(sample: Sample) -> npt.NDArray[np.int64]:
        assert sample.mask is not None
        mask = encoding.masks.read(sample.mask)
        check_mask(mask, (mask.shape[0], mask.shape[1]), num_classes, sample.mask)
        return np.bincount(mask.ravel(), minlength=256)[:num_classes]

    rows = list(look_ahead(count, samples))
    return np.asarray(rows, np.float64).reshape(len(rows), num_classes)


def _standardized(looks: Sequence[Look], branches: Branches) -> npt.NDArray[np.float32]:
    """Return features [N,D] in which each network counts alike."""
    features = np.stack([own.features for own in looks])
    widths = [network.num_features for network in branches.networks.values()]
    ends = np.cumsum(widths)[:-1]
    parts = [standardized(part) for part in np.split(features, ends, axis=1)]
    return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(parts)))
