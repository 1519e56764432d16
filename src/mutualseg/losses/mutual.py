"""Mutual distillation: each student learns from the other branch's teacher and student."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mutualseg.losses.pixelwise import log_probabilities, negative_log_likelihood, soft_cross_entropy
from mutualseg.losses.pseudo_label import hard_labels
from mutualseg.losses.reduction import masked_mean, valid_per_process
from mutualseg.types import Pair


@dataclass(frozen=True)
class MutualLoss:
    """The terms of `mutual_distillation_loss`, scalars."""

    teacher: Tensor
    """CE(z_a, argmax t_b) + CE(z_b, argmax t_a), unweighted; 0 without graph where skipped."""
    peer: Tensor
    """CE(z_a, argmax z_b) + CE(z_b, argmax z_a), unweighted; 0 without graph where skipped."""
    total: Tensor
    """teacher_weight * teacher + peer_weight * peer, always with a graph."""


def mutual_distillation_loss(
    student_logits: Pair[Tensor],
    teacher_logits: Pair[Tensor] | None,
    *,
    teacher_weight: float = 1.5,
    peer_weight: float = 1.0,
    teacher_keep: Pair[Tensor] | None = None,
    peer_keep: Pair[Tensor] | None = None,
    valid: Tensor | None = None,
    soft_labels: bool = False,
) -> MutualLoss:
    """Compute L_teacher and L_peer of MKD from the logits of two students and two teachers.

    MKD: Yuan et al., arXiv 2208.11499. The peer term alone is cross pseudo supervision (CPS, Chen
    et al., CVPR 2021). Pseudo-labels are the arg max of the logits passed, without gradient: pass
    what `semantic_augmentation.perturb` returns for the published method.

    Args:
        student_logits: (z_a, z_b), each [B,K,h,w], any floating type; computed in float32 at least.
        teacher_logits: (t_a, t_b), each [B,K,h,w]; None skips the teacher term.
        teacher_weight: of the teacher term in the total; 0 skips the term.
        peer_weight: of the peer term in the total; 0 skips the term.
        teacher_keep: for each teacher [B,h,w], which of its labels may teach; entry 0 belongs to
            t_a's labels, which teach z_b. None: all. A label not kept adds nothing to the sum and
            stays in the divisor, as in FixMatch (arXiv 2001.07685): the fewer labels are kept, the
            weaker the term. bool, or floating for a weight per pixel.
        peer_keep: the same for the students' labels.
        valid: [B,h,w] bool, False where padding made the pixel: such pixels leave both sum and
            divisor. None: all are valid.
        soft_labels: teachers teach their class probabilities instead of the arg max; peers do not.

    Returns:
        The terms. Each cross entropy is a mean over the valid pixels of the whole batch, over all
        processes (see `reduction.masked_mean`), zero when there are none.

    Raises:
        ValueError: the shapes do not fit.
    """
    log_p = (log_probabilities(student_logits[0]), log_probabilities(student_logits[1]))
    if valid is None:
        batch, _, *size = log_p[0].shape
        valid = torch.ones(batch, *size, dtype=torch.bool, device=log_p[0].device)
    divisor = valid_per_process(valid)

    teacher = peer = log_p[0].new_zeros(())
    total = log_p[0][:0].sum() + log_p[1][:0].sum()  # zero, in the graph even if both terms are skipped
    if teacher_logits is not None and teacher_weight != 0:
        teacher = _teach_crosswise(log_p, teacher_logits, teacher_keep, valid, divisor, soft=soft_labels)
        total = total + teacher_weight * teacher
    if peer_weight != 0:
        peer = _teach_crosswise(log_p, student_logits, peer_keep, valid, divisor)
        total = total + peer_weight * peer
    return MutualLoss(teacher, peer, total)


def _teach_crosswise(
    log_p: Pair[Tensor],
    guides: Pair[Tensor],
    keep: Pair[Tensor] | None,
    valid: Tensor,
    divisor: Tensor,
    *,
    soft: bool = False,
) -> Tensor:
    """Return CE(a, argmax guide b) + CE(b, argmax guide a), or against their probabilities if `soft`."""
    total = divisor.new_zeros(())
    for pupil, guide in ((0, 1), (1, 0)):
        if soft:
            values = soft_cross_entropy(log_p[pupil], guides[guide])
        else:
            values = negative_log_likelihood(log_p[pupil], hard_labels(guides[guide]))
        weight = None if keep is None else keep[guide]
        total = total + masked_mean(values, valid, weight=weight, divisor=divisor)
    return total
