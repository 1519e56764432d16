"""Mean Teacher with CutMix: a student agrees with its own average, on images that are mixed.

Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, arXiv 1703.01780; for
segmentation French et al., "Semi-supervised semantic segmentation needs strong, varied perturbations", BMVC
2020, arXiv 1906.01916 (CutMix-Seg).
"""

from __future__ import annotations

import math

import torch

from mutualseg.losses.consistency import probability_distance, pseudo_labels
from mutualseg.losses.pseudo_label import disagreement, hard_labels, share_kept
from mutualseg.methods.base import BuildNetwork, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view
from mutualseg.methods.one_student import OneStudent
from mutualseg.types import Batch, StepOutput


class MeanTeacherCutMix(OneStudent):
    """Mean Teacher with CutMix.

    The teacher sees the weak views; its logits are mixed by the boxes that mix the strong views, which the
    student sees. The student's class probabilities p are drawn to the teacher's t in squared distance
    (Tarvainen and Valpola, section 2; on mixed images French et al., section 3.3), times the share of pixels
    of which the teacher is sure:
    L = L_sup + weight * share(max t >= threshold) * mean sum_k (p_k - t_k)^2.

    Args:
        build_network: makes the student.
        weight: of the consistency term; 0 turns it off.
        threshold: confidence from which on the teacher is sure of a pixel; 0 leaves the term as it is.
        ema: final momentum of the teacher; 0 makes it a copy of the student.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        burn_in: share of the run that is supervised only; 0 starts at once.
        ramp: share of the run over which the consistency then rises to its weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
    """

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        weight: float = 1.0,
        threshold: float = 0.97,
        ema: float = 0.99,
        ema_reach: float = 0.07,
        burn_in: float = 0.2,
        ramp: float = 0.1,
        cooldown: float = 0.2,
    ) -> None:
        require_between(0.0, math.inf, weight=weight)
        require_between(0.0, 1.0, threshold=threshold)
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.weight = weight
        self.threshold = threshold

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, weight = batch.labeled, self.unlabeled_weight(progress)
        if weight == 0.0 or batch.unlabeled is None:
            return self.supervised_step(labeled)
        view = mixed_view(batch.unlabeled)

        taught = view.mix(self.teacher_a.teach(batch.unlabeled.weak).logits)
        logits = self.student_a(torch.cat([labeled.images, view.images])).logits
        seen, unseen = logits.split([len(labeled.images), len(view.images)])

        valid = view.valid_on(unseen)
        labels, keep = pseudo_labels(taught, self.threshold)
        consistency = probability_distance(unseen, taught, valid, self.threshold)
        return StepOutput(
            losses={
                "supervised": self.supervised_loss(seen, labeled.masks),
                "consistency": weight * self.weight * consistency,
            },
            logs={
                "kept": share_kept(keep, valid),
                "teacher_a_disagrees": disagreement(hard_labels(unseen), labels, valid),
            },
        )
