"""UniMatch V2: a mean teacher, and two strong views with complementary halves of the encoder's channels.

Yang et al., "UniMatch V2: pushing the limit of semi-supervised semantic segmentation", 2024,
arXiv 2410.10777.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from mutualseg.losses.consistency import pseudo_label_loss, pseudo_labels
from mutualseg.losses.pseudo_label import disagreement, hard_labels, share_kept
from mutualseg.methods.base import BuildNetwork, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view, second_mixed_view
from mutualseg.methods.one_student import OneStudent
from mutualseg.networks.channel_dropout import ComplementaryDropout
from mutualseg.types import Batch, StepOutput


class UniMatchV2(OneStudent):
    """UniMatch V2: the teacher labels the weak view, the student learns it from two strong ones.

    L = L_sup + weight / 2 * (H(t_w, p_s1) + H(t_w, p_s2)), each H the cross entropy against the teacher's
    labels of confidence >= threshold: the two strong streams of UniMatch (arXiv 2208.09910, equation 6), with
    the student's average t for a teacher and the complementary channel dropout of the second paper in place
    of a feature stream: of half of the images, one strong view loses half of the encoder's channels and the
    other view the other half.

    Args:
        build_network: makes the student.
        weight: of both strong views together; 0 turns them off.
        dropout: share of images whose views lose complementary channels, rounded down; 0 turns it off.
        threshold: least confidence of a pseudo-label to count; 0 counts all.
        ema: final momentum of the teacher; 0 makes it a copy of the student.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        burn_in: share of the run that is supervised only; 0 starts at once.
        ramp: share of the run over which the unlabeled terms then rise to their weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
    """

    strong_views: ClassVar[int] = 2

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        weight: float = 1.0,
        dropout: float = 0.5,
        threshold: float = 0.95,
        ema: float = 0.996,
        ema_reach: float = 0.07,
        burn_in: float = 0.2,
        ramp: float = 0.1,
        cooldown: float = 0.2,
    ) -> None:
        require_between(0.0, math.inf, weight=weight)
        require_between(0.0, 1.0, threshold=threshold, dropout=dropout)
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.weight = weight
        self.dropout = dropout
        self.threshold = threshold

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, weight = batch.labeled, self.unlabeled_weight(progress)
        if weight == 0.0 or batch.unlabeled is None:
            return self.supervised_step(labeled)
        view_1, view_2 = mixed_view(batch.unlabeled), second_mixed_view(batch.unlabeled)

        plain = self.teacher_a.teach(batch.unlabeled.weak).logits
        taught_1, taught_2 = (pseudo_labels(view.mix(plain), self.threshold) for view in (view_1, view_2))
        first, count = len(labeled.images), len(view_1.images)
        drop = ComplementaryDropout(first, count, share=self.dropout)
        images = torch.cat([labeled.images, view_1.images, view_2.images])
        logits = self.student_a(images, drop).logits
        seen, strong_1, strong_2 = logits.split([first, count, count])

        valid_1, valid_2 = view_1.valid_on(plain), view_2.valid_on(plain)
        loss_1 = pseudo_label_loss(strong_1, taught_1, valid_1)
        loss_2 = pseudo_label_loss(strong_2, taught_2, valid_2)
        return StepOutput(
            losses={
                "supervised": self.supervised_loss(seen, labeled.masks),
                "strong": weight * (self.weight / 2) * (loss_1 + loss_2),
            },
            logs={
                "kept": share_kept(taught_1.keep, valid_1),
                "teacher_a_disagrees": disagreement(hard_labels(strong_1), taught_1.labels, valid_1),
            },
        )
