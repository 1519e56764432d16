"""How unsure two opinions of the same pixels are: pure functions of class probabilities.

Where a method has two branches, their disagreement says where labels would teach most: each branch has
learned from the same labels, so that they part where those do not decide (query by committee, Seung et al.
1992; the Jensen-Shannon divergence is the information that the answer has about who is right, as in BALD,
Houlsby et al. 2011). A single network is asked twice, of the image and its mirror image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LEAST = 1e-12
"""Smallest probability whose logarithm is taken."""


def entropy(probabilities: Tensor) -> Tensor:
    """Return H(p) = -sum_k p_k ln p_k of each pixel, [...,h,w], in nats.

    Args:
        probabilities: [...,K,h,w] floats that sum to 1 over K.
    """
    return -(probabilities * probabilities.clamp(min=_LEAST).log()).sum(-3)


def disagreement(one: Tensor, other: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence of two opinions, [...,h,w] in [0, 1].

    JS(p, q) = (H((p + q) / 2) - (H(p) + H(q)) / 2) / ln 2: 0 where both say the same, however unsure, and 1
    where they are certain of different classes.

    Args:
        one: class probabilities [...,K,h,w].
        other: the same of the other branch.
    """
    both = (one + other) / 2
    return ((entropy(both) - (entropy(one) + entropy(other)) / 2) / math.log(2)).clamp(0, 1)


def total_uncertainty(one: Tensor, other: Tensor) -> Tensor:
    """Return H((p + q) / 2) / ln K, [...,h,w] in [0, 1]: of a network and itself on the mirror image.

    It is the mean entropy of both looks plus how far they disagree: H((p + q) / 2) = (H(p) + H(q)) / 2 +
    ln 2 JS(p, q). A network that is asked twice disagrees with itself too little to go by that alone.

    Args:
        one: class probabilities [...,K,h,w].
        other: those of the mirror image, mirrored back.
    """
    classes = one.shape[-3]
    return (entropy((one + other) / 2) / math.log(max(2, classes))).clamp(0, 1)


def weighted_mean(values: Tensor, probabilities: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over pixels of a value times the pixel's expected class weight, a scalar.

    mean_x [ u(x) sum_k p_k(x) w_k ]: a pixel counts for more as far as it may be of a rare class.

    Args:
        values: u, [h,w].
        probabilities: p, [K,h,w].
        weights: w, [K].
    """
    return (values * torch.einsum("khw,k->hw", probabilities, weights)).mean()
