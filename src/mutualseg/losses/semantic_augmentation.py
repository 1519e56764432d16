"""Implicit semantic data augmentation: features perturbed along their class's own variance.

ISDA (Wang et al., NeurIPS 2019, arXiv 1909.12220) draws features from N(h, lambda S_c) without
drawing: the expected cross entropy has a closed-form bound that only shifts the logits. MKD (Yuan
et al., arXiv 2208.11499) applies it to every pixel of students and teachers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.losses.class_moments import widen
from mutualseg.losses.class_statistics import ClassStatistics
from mutualseg.losses.pixelwise import at_least_float32
from mutualseg.types import IGNORE_INDEX, BranchOutput

__all__ = ["ClassStatistics", "augment_logits", "perturb"]


def augment_logits(
    logits: Tensor,
    labels: Tensor,
    classifier_weight: Tensor,
    variance: Tensor,
    strength: float,
) -> Tensor:
    """Shift logits by what features of variance strength * S_c would do to the cross entropy.

    ISDA, arXiv 1909.12220, eq. 5 to 7, with a diagonal covariance: at a pixel of class c

        z'_k = z_k + (strength / 2) * sum_d S_c[d] (w_k[d] - w_c[d])^2

    CE(z', c) bounds the expected CE against c over features from N(h, strength * S_c) from above.
    The sum depends on (c, k) alone: a K x K table from three matrix products.

    Args:
        logits: [B,K,h,w], any floating type.
        labels: [B,h,w] int64, c of every pixel; pixels of 255 are left as they are.
        classifier_weight: [K,D], rows w_k; no gradient flows to it.
        variance: [K,D], rows S_c >= 0; no gradient flows to it.
        strength: lambda >= 0 of the formula.

    Returns:
        [B,K,h,w], float32 at least; its gradient with respect to `logits` is the identity.

    Raises:
        ValueError: the strength is negative or the shapes do not fit.
    """
    if strength < 0:
        raise ValueError(f"strength is {strength}: a variance cannot be scaled by less than 0")
    batch, classes, *size = logits.shape
    if labels.shape != (batch, *size) or classifier_weight.shape != variance.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} do not fit labels {tuple(labels.shape)}, or classifier_weight "
            f"{tuple(classifier_weight.shape)} does not fit variance {tuple(variance.shape)}"
        )
    logits = at_least_float32(logits)
    if strength == 0:
        return logits
    shift = (strength / 2) * _pairwise_variance(classifier_weight.detach(), variance.detach())
    # One more row, of zeros, for the pixels of 255; classes first, as the logits are laid out.
    rows = torch.cat([shift, shift.new_zeros(1, classes)]).to(logits.dtype)
    index = labels.clamp(max=classes).flatten()
    return logits + rows.T.index_select(1, index).view(classes, batch, *size).transpose(0, 1)


def _pairwise_variance(weight: Tensor, variance: Tensor) -> Tensor:
    """Return [K,K]: row c, column k holds sum_d S_c[d] (w_k[d] - w_c[d])^2."""
    weight, variance = widen(weight), widen(variance)
    weight = weight - weight.mean(dim=0)  # what all rows share cancels: better before than after
    with torch.autocast(weight.device.type, enabled=False):
        scaled = variance * weight
        own = (scaled * weight).sum(dim=1, keepdim=True)
        table = own - 2 * (scaled @ weight.T) + variance @ weight.square().T
    return table.clamp_(min=0).fill_diagonal_(0)


def perturb(branch: BranchOutput, labels: Tensor, strength: float, *, valid: Tensor | None = None) -> Tensor:
    """Update a network's class statistics with its batch, then augment its logits with them.

    The one place where the statistics move: first the labeled part of the batch updates them and
    is augmented, then the unlabeled part does so, with the network's own arg max for labels. With
    several processes every one of them must call this, and gets the statistics of all.

    Args:
        branch: the network's logits [B,K,h,w], features [B,D,h,w], classifier weight [K,D] and
            statistics, which change.
        labels: [B_l,h,w] integer labels of the first B_l <= B images at the logits' size, 255
            where unknown.
        strength: lambda, see `augment_logits`; at 0 the statistics move and the logits do not.
        valid: [B,h,w] bool; other pixels neither update nor change. None: all are valid.

    Returns:
        [B,K,h,w], float32 at least, differentiable in `branch.logits`.

    Raises:
        ValueError: the shapes do not fit or the strength is negative.
    """
    labeled = len(labels)
    own = branch.logits[labeled:].detach().argmax(dim=1)
    classes = torch.cat([labels.long(), own])
    if valid is not None:
        classes = classes.where(valid, IGNORE_INDEX)
    augmented = []
    for part in (slice(labeled), slice(labeled, None)):
        pixels = branch.features[part].detach().permute(0, 2, 3, 1).flatten(0, 2)
        branch.statistics.update(pixels, classes[part].flatten())
        variance = branch.statistics.variance
        augmented.append(
            augment_logits(branch.logits[part], classes[part], branch.classifier_weight, variance, strength)
        )
    return torch.cat(augmented)
