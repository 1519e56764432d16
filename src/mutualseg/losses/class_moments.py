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


_ELEMENTS_AT_ONCE = 2**18
"""Elements of a float32 piece on a CPU: two of them stay in the caches next to a core."""
_ELEMENTS_ELSEWHERE = 2**24
_ONE_IN = 16
"""Share of the pixels that say about where a class's mean is."""


def widen(table: Tensor) -> Tensor:
    """Return a small table as float64, for free accuracy; MPS has no float64 and gets float32."""
    return table.float() if table.device.type == "mps" else table.double()


def class_moments(features: Tensor, labels: Tensor, num_classes: int) -> ClassMoments:
    """Compute the moments of pixel features per class, in one pass over the pixels.

    To be called without gradients.

    Args:
        features: [N,D], any floating type; computed in float32 at least.
        labels: [N] int64; pixels whose label is outside [0, num_classes), such as 255, are skipped.
        num_classes: K.

    Returns:
        Moments [K], [K,D], [K,D] as `widen` returns them. No tensor on the way has more elements
        than N * max(K, D).
    """
    pixels, width = features.shape
    dtype = torch.promote_types(features.dtype, torch.float32)
    if pixels == 0:
        nothing = widen(features.new_zeros(num_classes, width, dtype=dtype))
        return ClassMoments(nothing.sum(dim=1), nothing, nothing)
    at_once = _ELEMENTS_AT_ONCE if features.device.type == "cpu" else _ELEMENTS_ELSEWHERE
    length = min(pixels, max(1, at_once // width))
    rows = labels.where((labels >= 0) & (labels < num_classes), num_classes)
    # Both are written again by every piece: memory that is asked for anew has to be mapped anew.
    buffers = [features.new_empty(length, width, dtype=dtype) for _ in range(2)]
    with torch.autocast(features.device.type, enabled=False):
        belongs = torch.arange(num_classes, device=rows.device)[:, None] == rows
        count = belongs.sum(dim=1)
        near = _near_the_means(features, rows, belongs).to(dtype)
        # Pixels that are skipped are shifted by a row of zeros.
        shifts = torch.cat([near, near.new_zeros(1, width)])
        sums = squares = widen(near.new_zeros(num_classes, width))
        for piece, at in zip(features.split(length), rows.split(length), strict=True):
            shifted, shift = (buffer[: len(at)] for buffer in buffers)
            shifted.copy_(piece).sub_(torch.index_select(shifts, 0, at, out=shift))
            sums = sums + _class_sums(shifted, at, num_classes)
            squares = squares + _class_sums(shifted.square_(), at, num_classes)
    divisor = widen(count).clamp(min=1)[:, None]
    rest = sums / divisor
    m2 = (squares - divisor * rest.square()).clamp_(min=0)
    return ClassMoments(widen(count), widen(near) + rest, m2)


def _near_the_means(features: Tensor, rows: Tensor, belongs: Tensor) -> Tensor:
    """Return [K,D] where shifted sums do not cancel: the mean of some pixels of each class, one at least.

    A few pixels that lie far out move it by little, or else are a fair share of their class.
    """
    one = features[belongs.to(torch.uint8).argmax(dim=1)]
    one = one.to(torch.promote_types(one.dtype, torch.float32))
    some = features[::_ONE_IN].to(one.dtype)
    total = one + _class_sums(some, rows[::_ONE_IN], len(one))
    mean = total / (1 + belongs[:, ::_ONE_IN].sum(dim=1)[:, None])
    return mean.masked_fill(~belongs.any(dim=1)[:, None], 0.0)


def _class_sums(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Sum pixels [N,D] per class -> [K,D]; those in row K, which are skipped, may hold anything."""
    # On a GPU the few rows would be fought over, and added to in no fixed order.
    sums = sums_by_adding if pixels.device.type == "cpu" else sums_by_product
    return sums(pixels, rows, num_classes)


def sums_by_adding(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Sum pixels [N,D] per class -> [K,D] by adding each to its row; row K is left out."""
    table = pixels.new_zeros(num_classes + 1, pixels.shape[1])
    return table.index_add_(0, rows, pixels)[:num_classes]


def sums_by_product(pixels: Tensor, rows: Tensor, num_classes: int) -> Tensor:
    """Sum pixels [N,D] per class -> [K,D] by a product with a one-hot matrix; row K is left out."""
    one_hot = rows[:, None] == torch.arange(num_classes, device=rows.device)
    known = (rows < num_classes)[:, None]  # 0 times infinity is not 0
    return one_hot.to(pixels.dtype).T @ pixels.where(known, 0.0)


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
