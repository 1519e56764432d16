"""Cross entropy per pixel, in float32 also under autocast."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def at_least_float32(values: Tensor) -> Tensor:
    """Return half precisions as float32; float32 and float64 unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def log_probabilities(logits: Tensor) -> Tensor:
    """Return log softmax over classes: logits [B,K,h,w] -> [B,K,h,w], at least float32."""
    return F.log_softmax(at_least_float32(logits), dim=1)


def log_mean_probabilities(one: Tensor, two: Tensor) -> Tensor:
    """Return log((softmax one + softmax two) / 2), the logits of two networks' mean opinion.

    Args:
        one: logits [B,K,h,w].
        two: logits [B,K,h,w].

    Returns:
        [B,K,h,w], float32 at least; its softmax is the mean of both probabilities.
    """
    return torch.logaddexp(log_probabilities(one), log_probabilities(two)) - math.log(2)


def soft_cross_entropy(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Return -sum_k q_k log p_k at every pixel, without averaging.

    Args:
        log_probabilities: [B,K,h,w], log p.
        targets: logits [B,K,h,w] whose softmax is q; no gradient flows to them.

    Returns:
        [B,h,w], differentiable in `log_probabilities`.
    """
    targets = at_least_float32(targets.detach()).softmax(dim=1)
    return -(targets * log_probabilities).sum(dim=1)


def negative_log_likelihood(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Pick -log p[label] at every pixel, without averaging.

    Not `F.cross_entropy`: on maps it calls nll_loss2d, which has no deterministic CUDA kernel, and
    flattening to [N,K] first costs a transposed copy. `gather` is deterministic when asked for,
    and lets one log softmax serve several label maps.

    Args:
        log_probabilities: [B,K,h,w].
        labels: [B,h,w] int64 in [0, K). Larger ones, such as 255, give the value of class K - 1:
            mask them when averaging.

    Returns:
        [B,h,w], differentiable in `log_probabilities`.

    Raises:
        ValueError: the shapes do not fit.
    """
    batch, classes, *size = log_probabilities.shape
    if labels.shape != (batch, *size):
        raise ValueError(
            f"labels {tuple(labels.shape)} do not fit logits {tuple(log_probabilities.shape)}: "
            f"expected {(batch, *size)}"
        )
    index = labels.clamp(max=classes - 1)[:, None]
    return -log_probabilities.gather(1, index).squeeze(1)
