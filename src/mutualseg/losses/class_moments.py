"""Count, mean and sum of squared deviations (M2) per class: computed once, combined exactly.

E[x^2] - E[x]^2 in float32 loses half of a variance at mean 30 and deviation 0.1. Sums of shifted data do
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


_ELEMENTS_AT_ONCE = {"cpu": 2**18}
"""Elements of the float32 pieces to work on: on a CPU about what stays in a core's own cache."""
_ELEMENTS_ELSEWHERE = 2**24


def widen(table: Tensor) -> Tensor:
    """Return a small table as float64, for free accuracy; MPS has no float64 and gets float32."""
    return table.float() if table.device.type == "mps" else table.double()


def class_moments(features: Tensor, labels: Tensor, num_classes: int) -> ClassMoments:
    """Compute the moments of pixel features per class, in one pass over the pixels.

    Args:
        features: [N,D], any floating type; computed in float32 at least.
        labels: [N] int64; pixels whose label is outside [0, num_classes), such as 255, are skipped.
        num_classes: K.

    Returns:
        Moments [K], [K,D], [K,D] as `widen` returns them. No tensor on the way has more elements
        than N * max(K, D).
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    width = features.shape[1]
    length = max(1, _ELEMENTS_AT_ONCE.get(features.device.type, _ELEMENTS_ELSEWHERE) // width)
    rows = labels.where((labels >= 0) & (labels < num_classes), num_classes)
    pieces = list(zip(features.split(length), rows.split(length), strict=True))
    # Both are written again by every piece: memory that is asked for anew has to be mapped anew.
    pixels, shifts = (features.new_empty(len(pieces[0][1]), width, dtype=dtype) for _ in range(2))
    with torch.autocast(features.device.type, enabled=False):
        counts = (rows[:, None] == torch.arange(num_classes, device=rows.device)).sum(dim=0)
        # Sums are centered on one pixel of each class: it lies within a few deviations of the mean, so
        # that nothing cancels. Pixels that are skipped are shifted by a row of zeros.
        table = _one_pixel_each(features, rows, num_classes).to(dtype)
        rests, squares = [], []
        for piece, at in pieces:
            centered = pixels[: len(at)].copy_(piece)
            centered -= torch.index_select(table, 0, at, out=shifts[: len(at)])
            rests.append(_class_sums(centered, at, num_classes))
            squares.append(_class_sums(centered.square_(), at, num_classes))
    shift, count = widen(table[:num_classes]), widen(counts)
    divisor = count.clamp(min=1)[:, None]
    rest = _total(rests) / divisor
    m2 = (_total(squares) - divisor * rest.square()).clamp_(min=0)
    return ClassMoments(count, shift + rest, m2)


def _one_pixel_each(features: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Return the first pixel of every class, and zeros for absent ones and for row K: [K+1,D]."""
    pixels = len(rows)
    if pixels == 0:
        return features.new_zeros(num_classes + 1, features.shape[1])
    first = rows.new_full((num_classes + 1,), pixels)
    first.scatter_reduce_(0, rows, torch.arange(pixels, device=rows.device), "amin")
    first[num_classes] = pixels
    return features[first.clamp(max=pixels - 1)].masked_fill((first == pixels)[:, None], 0.0)


def _class_sums(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Sum pixels [N,D] per class -> [K,D]; those in row K, which are skipped, may hold anything."""
    # On a GPU the few rows would be fought over, and added to in no fixed order.
    sums = sums_by_adding if pixels.device.type == "cpu" else sums_by_product
    return sums(pixels, rows, num_classes)


def sums_by_adding(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Do what `_class_sums` says at the same cost for any K."""
    table = pixels.new_zeros(num_classes + 1, pixels.shape[1])
    return table.index_add_(0, rows, pixels)[:num_classes]


def sums_by_product(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Do what `_class_sums` says with a one-hot matrix."""
    one_hot = rows[:, None] == torch.arange(num_classes, device=rows.device)
    known = (rows < num_classes)[:, None]  # 0 times infinity is not 0
    return one_hot.to(pixels.dtype).T @ pixels.where(known, 0.0)


def _total(parts: list[Tensor]) -> Tensor:
    """Add up the tables of all pieces."""
    return widen(torch.stack(parts)).sum(dim=0)


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
