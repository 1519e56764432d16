"""Cross pseudo supervision with CutMix: two students, each the other's teacher.

Chen et al., "Semi-supervised semantic segmentation with cross pseudo supervision", CVPR 2021,
arXiv 2106.01226.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from mutualseg.losses.consistency import pseudo_label_loss, pseudo_labels
from mutualseg.losses.pseudo_label import disagreement, share_kept
from mutualseg.methods.base import BuildNetwork, Method, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view
from mutualseg.networks.ema import MeanTeacher
from mutualseg.networks.looking import look
from mutualseg.networks.segmenter import Segmenter
from mutualseg.types import Batch, StepOutput


class CrossPseudoSupervision(Method):
    """CPS with CutMix (section 3.3 of the paper): L = L_sup + weight * L_cps.

    Each student labels the unmixed weak views; both label maps are mixed by the boxes that mix the strong
    views, and each student learns the other's: L_cps = CE(p_a, argmax p_b) + CE(p_b, argmax p_a)
    (equation 4), on unlabeled images, with every label kept.

    Args:
        build_network: makes each student, from its role.
        weight: of the cross pseudo supervision; 0 turns it off.
        threshold: least confidence of a pseudo-label to count; the paper's 0 counts all.
        ema: final momentum of the averaged copy of student a, which is deployed and teaches nobody.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        burn_in: share of the run that is supervised only; 0 starts at once.
        ramp: share of the run over which the cross pseudo supervision then rises to its weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
    """

    labels_from = "student_a"
    deployed: ClassVar[str] = "teacher_a"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        weight: float = 1.5,
        threshold: float = 0.0,
        ema: float = 0.99,
        ema_reach: float = 0.07,
        burn_in: float = 0.2,
        ramp: float = 0.1,
        cooldown: float = 0.2,
    ) -> None:
        require_between(0.0, math.inf, weight=weight)
        require_between(0.0, 1.0, threshold=threshold, ema=ema)
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.weight = weight
        self.threshold = threshold
        self.student_b = build_network("student_b")
        self.teacher_a = MeanTeacher(self.student_a, batch_norm="average")

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, weight = batch.labeled, self.unlabeled_weight(progress)
        if weight == 0.0 or batch.unlabeled is None:
            return self.supervised_step(labeled)
        view = mixed_view(batch.unlabeled)

        taught_a, taught_b = (
            pseudo_labels(view.mix(look(student, batch.unlabeled.weak).logits), self.threshold)
            for student in (self.student_a, self.student_b)
        )
        images = torch.cat([labeled.images, view.images])
        sizes = [len(labeled.images), len(view.images)]
        seen_a, unseen_a = self.student_a(images).logits.split(sizes)
        seen_b, unseen_b = self.student_b(images).logits.split(sizes)

        valid = view.valid_on(unseen_a)
        cross = pseudo_label_loss(unseen_a, taught_b, valid) + pseudo_label_loss(unseen_b, taught_a, valid)
        return StepOutput(
            losses={
                "supervised_a": self.supervised_loss(seen_a, labeled.masks),
                "supervised_b": self.supervised_loss(seen_b, labeled.masks),
                "peer": weight * self.weight * cross,
            },
            logs={
                "kept": (share_kept(taught_a.keep, valid) + share_kept(taught_b.keep, valid)) / 2,
                "students_disagree": disagreement(taught_a.labels, taught_b.labels, valid),
            },
        )

    def after_step(self, progress: Progress) -> None:
        """Move the averaged copy."""
        self.teacher_a.update(self.student_a, self.momentum(progress))

    def students(self) -> dict[str, Segmenter]:
        """Return both students."""
        return {"student_a": self.student_a, "student_b": self.student_b}

    def networks(self) -> dict[str, Segmenter]:
        """Return both students and the average of the first."""
        return {**self.students(), "teacher_a": self.teacher_a.network}
