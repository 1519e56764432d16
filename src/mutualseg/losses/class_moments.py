"""Count, mean and sum of squared deviations (M2) per class: computed once, combined exactly.

E[x^2] - E[x]^2 in float32 loses half of a variance at mean 30 and deviation 0.1. Centered sums do
not, and groups of pixels (batches, processes) combine from (count, mean, M2) without loss: Chan,
Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

from mutualseg.losses.reduction import process_count


class ClassMoments(NamedTuple):
    """Moments of one group of pixels, or of G groups with a leading dimension."""

    counts: Tensor
    """[K] or [G,K], pixels per class."""
    means: Tensor
    """[K,D] or [G,K,D]; zero for a class without pixels."""
    m2: Tensor
    """[K,D] or [G,K,D], sum of squared deviations from `means`."""


_CACHED_ELEMENTS = 2**18
"""Elements of a float32 piece that stays in a core's second-level cache: 1 MiB."""


def widen(table: Tensor) -> Tensor:
    """Return a small table as float64, for free accuracy; MPS has no float64 and gets float32."""
    return table.float() if table.device.type == "mps" else table.double()


def class_moments(features: Tensor, labels: Tensor, num_classes: int) -> ClassMoments:
    """Compute the moments of pixel features per class with one-hot matrix products.

    Args:
        features: [N,D], any floating type; computed in float32 at least.
        labels: [N] int64; pixels whose label is outside [0, num_classes), such as 255, are skipped.
        num_classes: K.

    Returns:
        Moments [K], [K,D], [K,D] as `widen` returns them. No tensor on the way has more elements
        than N * max(K, D).
    """
    known = (labels >= 0) & (labels < num_classes)
    classes = torch.arange(num_classes, device=labels.device)
    with torch.autocast(features.device.type, enabled=False):
        dtype = torch.promote_types(features.dtype, torch.float32)
        one_hot = (labels[:, None] == classes).to(dtype)
        length = _pixels_at_once(features)
        groups = [
            _moments(*part)
            for part in zip(features.split(length), known.split(length), one_hot.split(length), strict=True)
        ]
    if len(groups) == 1:
        return groups[0]
    return combine(ClassMoments(*(torch.stack(parts) for parts in zip(*groups, strict=True))))


def _pixels_at_once(features: Tensor) -> int:
    """Return how many pixels to work on at a time: on a CPU no more than stay in a core's cache."""
    pixels, width = features.shape
    return max(1, _CACHED_ELEMENTS // width if features.device.type == "cpu" else pixels)


def _moments(features: Tensor, known: Tensor, one_hot: Tensor) -> ClassMoments:
    """Return the moments of pixels [N,D] under their one-hot labels [N,K]."""
    # A float copy to work in, without what skipped pixels hold: 0 times infinity is not 0.
    pixels = torch.where(known[:, None], features, features.new_zeros(1, dtype=one_hot.dtype))
    counts = one_hot.sum(dim=0)
    divisor = counts.clamp(min=1)[:, None]
    means = one_hot.T @ pixels / divisor
    pixels.addmm_(one_hot, means, alpha=-1)
    # The means were rounded (coarsely, where matrix products run in TF32). What is left of them
    # in the centered features corrects both moments: the corrected two-pass algorithm.
    rest = widen(one_hot.T @ pixels / divisor)
    squares = widen(one_hot.T @ pixels.square_())
    counts = widen(counts)
    m2 = (squares - counts[:, None] * rest.square()).clamp_(min=0)
    return ClassMoments(counts, widen(means) + rest, m2)


def combine(groups: ClassMoments) -> ClassMoments:
    """Combine the moments of G groups into those of their union: [G,...] -> [...].

    What the groups' means differ by counts into M2, as it does when all pixels come at once.
    """
    counts = groups.counts.sum(dim=0)
    weight = groups.counts[..., None]
    means = (weight * groups.means).sum(dim=0) / counts.clamp(min=1)[:, None]
    m2 = groups.m2.sum(dim=0) + (weight * (groups.means - means).square()).sum(dim=0)
    return ClassMoments(counts, means, m2)


def from_all_processes(moments: ClassMoments) -> ClassMoments:
    """Gather the moments of every process, in order of rank: [...] -> [processes,...].

    Every process of the group must call this the same number of times.
    """
    if process_count() == 1:
        return ClassMoments(*(part[None] for part in moments))
    packed = torch.cat([moments.counts[:, None], moments.means, moments.m2], dim=1)
    gathered = [torch.empty_like(packed) for _ in range(process_count())]
    dist.all_gather(gathered, packed)
    everyone = torch.stack(gathered)
    features = moments.means.shape[1]
    return ClassMoments(everyone[..., 0], everyone[..., 1 : 1 + features], everyone[..., 1 + features :])
