"""The equations of the losses in float64, pixel by pixel and class by class: slow, and independent.

Nothing here calls the library, and nothing avoids the pixels x K x D tensor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def moments(features: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return count [K], mean [K,D] and population variance [K,D] of features [N,D]."""
    features = features.double()
    count = torch.zeros(num_classes, dtype=torch.float64)
    mean = torch.zeros(num_classes, features.shape[1], dtype=torch.float64)
    variance = torch.zeros_like(mean)
    for c in range(num_classes):
        own = features[labels == c]
        count[c] = len(own)
        if len(own):
            mean[c] = own.mean(dim=0)
            variance[c] = ((own - mean[c]) ** 2).mean(dim=0)
    return count, mean, variance


def augment(logits: Tensor, labels: Tensor, weight: Tensor, variance: Tensor, strength: float) -> Tensor:
    """Return z'_k = z_k + (strength / 2) sum_d S_c[d] (w_k[d] - w_c[d])^2 for logits [B,K,h,w]."""
    logits, weight, variance = logits.double(), weight.double(), variance.double()
    flat = labels.flatten()
    known = flat != 255
    c = flat.where(known, 0)
    apart = (weight[None, :, :] - weight[c][:, None, :]) ** 2  # [pixels,K,D]
    shift = strength / 2 * (variance[c][:, None, :] * apart).sum(dim=2) * known[:, None]
    batch, _, height, width = logits.shape
    return logits + shift.view(batch, height, width, -1).permute(0, 3, 1, 2)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return -log softmax(logits)[label] per pixel: [B,K,h,w], [B,h,w] -> [B,h,w]."""
    log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()
    one_hot = torch.zeros_like(log_p).scatter_(1, labels[:, None], 1.0)
    return -(log_p * one_hot).sum(dim=1)


def mutual(
    students: Sequence[Tensor],
    teachers: Sequence[Tensor],
    *,
    teacher_keep: Sequence[Tensor] | None = None,
    peer_keep: Sequence[Tensor] | None = None,
    valid: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return L_teacher and L_peer, unweighted."""
    terms = []
    for guides, keep in ((teachers, teacher_keep), (students, peer_keep)):
        total = torch.zeros((), dtype=torch.float64)
        for pupil, guide in ((0, 1), (1, 0)):
            values = cross_entropy(students[pupil].double(), guides[guide].argmax(dim=1))
            inside = torch.ones_like(values) if valid is None else valid.double()
            kept = torch.ones_like(values) if keep is None else keep[guide].double()
            total = total + (values * inside * kept).sum() / inside.sum()
        terms.append(total)
    return terms[0], terms[1]


def hard_pixels(probability: Tensor, valid: Tensor, threshold: float, keep: float) -> Tensor:
    """Return which pixels OHEM keeps, by sorting: those of at most max(threshold, the k-th smallest)."""
    flat = sorted(probability[valid].tolist())
    count = min(int(keep), len(flat)) if keep > 1 else math.ceil(keep * len(flat))
    limit = max(threshold, flat[count - 1]) if count else threshold
    return valid & (probability <= limit)


def supervised(
    name: str,
    logits: Tensor,
    masks: Tensor,
    weights: Sequence[float] | None = None,
    *,
    threshold: float = 0.7,
    keep: float = 0.1,
    gamma: float = 2.0,
    dice_weight: float = 1.0,
) -> Tensor:
    """Return a supervised loss of logits [B,K,H,W] at the masks' size, pixel by pixel in float64."""
    logits = logits.double()
    batch, num_classes, height, width = logits.shape
    weights = [1.0] * num_classes if weights is None else weights
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    pixels = [
        (b, int(masks[b, y, x]), y, x)
        for b in range(batch)
        for y in range(height)
        for x in range(width)
        if masks[b, y, x] != 255
    ]
    zero = torch.zeros((), dtype=torch.float64)
    if not pixels:
        return zero
    own = torch.stack([p[b, c, y, x] for b, c, y, x in pixels])
    weight = torch.tensor([weights[c] for _, c, _, _ in pixels], dtype=torch.float64)
    if name == "ohem":
        kept = hard_pixels(own.detach(), torch.ones(len(own), dtype=torch.bool), threshold, keep)
        own, weight = own[kept], weight[kept]
    values = -own.log() * ((1 - own) ** gamma if name == "focal" else 1)
    mean = (weight * values).sum() / weight.sum()
    if name not in ("dice", "cross_entropy_dice"):
        return mean
    top, bottom = zero, 0.0
    for c in range(num_classes):
        hits = sum((p[b, c, y, x] for b, true, y, x in pixels if true == c), zero)
        said = sum((p[b, c, y, x] for b, _, y, x in pixels), zero)
        there = sum(true == c for _, true, _, _ in pixels)
        if there:
            top, bottom = top + weights[c] * (1 - 2 * hits / (said + there)), bottom + weights[c]
    dice = top / bottom
    return dice if name == "dice" else mean + dice_weight * dice
