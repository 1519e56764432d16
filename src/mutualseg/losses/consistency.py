"""Consistency with pseudo-labels that another network, or another view, has given."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mutualseg.losses.pixelwise import at_least_float32, log_probabilities, negative_log_likelihood
from mutualseg.losses.pseudo_label import confidence, hard_labels, keep_confident
from mutualseg.losses.reduction import count_everywhere, masked_mean


class PseudoLabels(NamedTuple):
    """Hard labels of unlabeled pixels and which of them teach; nothing carries a gradient."""

    labels: Tensor
    """[B,h,w] int64."""
    keep: Tensor
    """[B,h,w] bool."""


def pseudo_labels(logits: Tensor, threshold: float) -> PseudoLabels:
    """Return the arg max of logits [B,K,h,w], kept where its probability is at least the threshold."""
    return PseudoLabels(hard_labels(logits), keep_confident(confidence(logits), threshold))


def pseudo_label_loss(logits: Tensor, taught: PseudoLabels, valid: Tensor) -> Tensor:
    """Average the cross entropy against pseudo-labels that are sure enough.

    The unlabeled loss of FixMatch (Sohn et al., NeurIPS 2020, arXiv 2001.07685, eq. 4), pixel by pixel; with
    all labels kept it is cross pseudo supervision's (Chen et al., CVPR 2021, arXiv 2106.01226, eq. 4).

    Args:
        logits: [B,K,h,w] of the student, any floating type.
        taught: the labels, and which of them count.
        valid: [B,h,w] bool, False where padding made the pixel.

    Returns:
        Scalar: sum over kept valid pixels / number of valid pixels of the whole batch, over all processes
        (see `reduction.masked_mean`), so that the fewer labels are kept, the weaker the term.
    """
    values = negative_log_likelihood(log_probabilities(logits), taught.labels)
    return masked_mean(values, valid, weight=taught.keep)


def probability_distance(logits: Tensor, teacher_logits: Tensor, valid: Tensor, threshold: float) -> Tensor:
    """Average the squared distance of two networks' class probabilities, times the share of sure pixels.

    The consistency of Mean Teacher (Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780, eq. 1) as French
    et al. (BMVC 2020, arXiv 1906.01916, section 3.3) use it for segmentation: summed over classes, and scaled
    by the share of pixels where the teacher is sure, of the batch and not pixel by pixel.

    Args:
        logits: [B,K,h,w] of the student, any floating type.
        teacher_logits: [B,K,h,w], without gradient.
        valid: [B,h,w] bool, False where padding made the pixel.
        threshold: the least confidence of a sure pixel; 0 makes all sure.

    Returns:
        Scalar: mean over valid pixels of sum_k (p_k - t_k)^2, times the share of sure ones among them, both
        over all processes.
    """
    student, teacher = (at_least_float32(z).softmax(dim=1) for z in (logits, teacher_logits.detach()))
    distance = (student - teacher).square().sum(dim=1)
    sure = count_everywhere(valid & keep_confident(teacher.amax(dim=1), threshold))
    return masked_mean(distance, valid) * (sure / count_everywhere(valid).clamp(min=1))
