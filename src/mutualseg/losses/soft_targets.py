"""Class probabilities of trained networks as targets: knowledge distillation, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mutualseg.losses.pixelwise import at_least_float32, log_mean_probabilities, log_probabilities
from mutualseg.losses.reduction import masked_mean


def mean_opinion(logits: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Return log q, where q is the mean of the class probabilities of one network or two.

    Args:
        logits: of each network, [B,K,h_i,w_i] of the same images, each at its own grid.
        size: (h, w) of the grid that is wanted; logits of another are resized bilinearly to it.

    Returns:
        [B,K,h,w], float32 at least, without gradient.

    Raises:
        ValueError: there are neither one nor two.
    """
    if len(logits) not in (1, 2):
        raise ValueError(f"{len(logits)} networks have no mean opinion here; give one or two")
    on_grid = [
        each.detach()
        if each.shape[-2:] == size
        else F.interpolate(at_least_float32(each.detach()), size, mode="bilinear")
        for each in logits
    ]
    return log_probabilities(on_grid[0]) if len(on_grid) == 1 else log_mean_probabilities(*on_grid)


def soft_target_loss(
    logits: Tensor,
    opinion: Tensor,
    valid: Tensor,
    *,
    temperature: float = 1.0,
    sure: Tensor | None = None,
) -> Tensor:
    """Average the divergence of a student's class probabilities from softened targets.

    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531, section 2:
    with q_T proportional to q^(1/T) and p_T = softmax(z / T) it is T^2 * sum_k q_T,k log(q_T,k / p_T,k). The
    paper writes the cross entropy, which has the same gradient; this is 0 where the student agrees. T^2
    keeps the size of the gradient what it is at T = 1.

    Args:
        logits: z of the student, [B,K,h,w], any floating type.
        opinion: log q, [B,K,h,w]; no gradient flows to it.
        valid: [B,h,w] bool, False where padding made the pixel.
        temperature: T; above 1 the unlikely classes weigh more.
        sure: [B,h,w] bool, the pixels that teach; None: all.

    Returns:
        Scalar: sum over sure valid pixels / number of valid pixels of the whole batch, over all processes
        (see `reduction.masked_mean`).
    """
    target = log_probabilities(opinion.detach() / temperature)
    student = log_probabilities(at_least_float32(logits) / temperature)
    divergence = (target.exp() * (target - student)).sum(dim=1)
    return temperature**2 * masked_mean(divergence, valid, weight=sure)


def surest(opinion: Tensor) -> Tensor:
    """Return the largest class probability of log q [B,K,h,w] at each pixel, [B,h,w]."""
    return torch.exp(opinion.amax(dim=1))
