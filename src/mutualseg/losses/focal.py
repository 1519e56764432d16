"""Focal loss: the surer a network is of the right class, the less the pixel counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.losses.class_weighted import labeled_mean
from mutualseg.losses.pixelwise import negative_log_likelihood
from mutualseg.types import IGNORE_INDEX

_LEAST = 1e-12
"""Below it (1 - p)^gamma has no gradient: with gamma < 1 its slope at p = 1 is infinite."""


def focal_loss(
    log_probabilities: Tensor, masks: Tensor, *, gamma: float = 2.0, class_weights: Tensor | None = None
) -> Tensor:
    """Average -(1 - p)^gamma log p, p the probability of the true class, over labeled pixels.

    Lin et al., "Focal loss for dense object detection", ICCV 2017, arXiv 1708.02002, equation 5, with the
    softmax in place of a sigmoid; class weights are its alpha (there over the number of objects).

    Args:
        log_probabilities: [B,K,H,W] log softmax, float32 or float64.
        masks: [B,H,W] int64 class indices, 255 where unknown.
        gamma: 0 is the cross entropy.
        class_weights: [K], or None.

    Returns:
        Scalar: mean over pixels != 255 of the whole batch, over all processes, weighted by class as
        `labeled_mean` says; zero with a graph when every pixel is 255.
    """
    values = negative_log_likelihood(log_probabilities, masks)
    doubt = (-torch.expm1(-values)).clamp(min=_LEAST)
    return labeled_mean(doubt**gamma * values, masks, masks != IGNORE_INDEX, class_weights)
