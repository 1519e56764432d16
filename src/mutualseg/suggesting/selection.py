"""Choosing images one after the other, each for what it adds to those before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mutualseg.data.look_alikes import Prints, alike
from mutualseg.suggesting.coverage import (
    Floats,
    coverage_gains,
    reach,
    similarity,
    squared_distances,
)
from mutualseg.suggesting.rarity import class_gains

COMPARED = 2000
"""Candidates that are compared at most, unless more are wanted, and images that they may stand for."""


@dataclass(frozen=True)
class Pool:
    """What is known of N candidates."""

    uncertainty: Floats
    """How unsure the networks are of each, [N], at least 0."""
    shares: Floats
    """Which share of its pixels is likely of each class, [N,K]."""
    features: Floats
    """[N,D], standardized together with the labeled images'."""
    prints: Prints
    """Fingerprints [N,4]; see `data.fingerprints`."""

    def __len__(self) -> int:
        """Return N."""
        return len(self.uncertainty)

    def of(self, places: npt.NDArray[np.int64]) -> Pool:
        """Return the candidates at some places."""
        return Pool(self.uncertainty[places], self.shares[places], self.features[places], self.prints[places])


@dataclass(frozen=True)
class Labeled:
    """What is known of L labeled images; of weights without a run there is none."""

    shares: Floats
    """Of each, by its mask, [L,K]."""
    features: Floats
    """[L,D]."""
    prints: Prints
    """[L,4]."""


@dataclass(frozen=True)
class Choice:
    """One image that was chosen."""

    place: int
    """In the pool."""
    score: float
    """The sum of both gains when it was chosen: `coverage` + `classes`."""
    coverage: float
    """Its gain of coverage when it was chosen; 1 is the largest gain of any image at the start."""
    classes: float
    """Its gain of classes, likewise."""
    look_alike: bool
    """Whether it looks like a labeled image or one chosen before, and stands here as nothing else is left."""


def select(pool: Pool, labeled: Labeled, count: int) -> list[Choice]:
    """Choose images greedily by coverage gain + class gain, each divided by its largest at the start.

    Coverage is sum_j u_j max_i s_ij over the candidates j (see `coverage`): u_j is how unsure the networks
    are of j, i runs over what is labeled or chosen. The gain of classes is that of `rarity.class_gains`. Both
    are monotone and submodular, so that the greedy choice reaches at least 1 - 1/e of the best one. An image
    that looks like a labeled or a chosen one (see `look_alikes.alike`) comes only after all others.

    Of more than `COMPARED` candidates that many are compared: half of them the best by uncertainty and gain
    of classes, the others evenly spaced. Equal gains go to the one that comes first.

    Args:
        pool: the candidates.
        labeled: the labeled images.
        count: how many to choose at most.
    """
    if not len(pool):
        return []
    places = _short_list(pool, labeled, max(COMPARED, count))
    some = pool.of(places)
    stood_for = pool.of(_short_list(pool, labeled, COMPARED))
    scale = reach(squared_distances(stood_for.features, stood_for.features), count + len(labeled.features))
    similarities = similarity(squared_distances(some.features, stood_for.features), scale)
    covered = _covered(stood_for.features, labeled.features, scale)
    held = labeled.shares.astype(np.float64).sum(0) if len(labeled.shares) else np.zeros(some.shares.shape[1])
    like = _like_any(some.prints, labeled.prints)
    left = np.ones(len(some), np.bool_)
    largest: tuple[float, float] | None = None
    chosen: list[Choice] = []
    while len(chosen) < count and left.any():
        gains = (
            coverage_gains(similarities, covered, stood_for.uncertainty),
            class_gains(held, some.shares.astype(np.float64)),
        )
        if largest is None:
            largest = _scale(gains[0]), _scale(gains[1])
        coverage, classes = gains[0] / largest[0], gains[1] / largest[1]
        open_now = left & ~like if (left & ~like).any() else left
        best = int(np.argmax(np.where(open_now, coverage + classes, -np.inf)))
        chosen.append(
            Choice(
                int(places[best]),
                float(coverage[best] + classes[best]),
                float(coverage[best]),
                float(classes[best]),
                bool(like[best]),
            )
        )
        left[best] = False
        covered = np.maximum(covered, similarities[best])
        held = held + some.shares[best]
        like |= alike(some.prints, some.prints[best][None])
    return chosen


def _scale(gains: npt.NDArray[np.float64]) -> float:
    largest = float(gains.max())
    return largest if largest > 0 else 1.0


def _covered(features: Floats, others: Floats, scale: float) -> Floats:
    """Return how similar each image is to the most similar one of others, [N]; 0 if there is none."""
    if not len(others):
        return np.zeros(len(features), np.float32)
    return np.asarray(similarity(squared_distances(features, others), scale).max(1), np.float32)


def _like_any(prints: Prints, others: Prints) -> npt.NDArray[np.bool_]:
    """Tell which images look like one of others, [N]."""
    found = np.zeros(len(prints), np.bool_)
    for other in others:
        found |= alike(prints, other[None])
    return found


def _short_list(pool: Pool, labeled: Labeled, most: int) -> npt.NDArray[np.int64]:
    """Return the places of the candidates that are compared, ascending."""
    if len(pool) <= most:
        return np.arange(len(pool))
    held = labeled.shares.astype(np.float64).sum(0) if len(labeled.shares) else np.zeros(pool.shares.shape[1])
    gains = class_gains(held, pool.shares.astype(np.float64))
    promise = pool.uncertainty / _scale(pool.uncertainty.astype(np.float64)) + gains / _scale(gains)
    best = np.argsort(-promise, kind="stable")[: most // 2]
    even = evenly(len(pool) - len(best), most - len(best))
    return np.sort(np.concatenate([best, np.setdiff1d(np.arange(len(pool)), best)[even]]))


def evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return `most` of `count` places, evenly spaced and ascending; all if there are no more."""
    if count <= most:
        return np.arange(count)
    return np.asarray((np.arange(most) * count) // most, np.int64)
