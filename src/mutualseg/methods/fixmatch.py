"""FixMatch for segmentation: what a network is sure of in the weak view, it learns in the strong one.

Sohn et al., "FixMatch: simplifying semi-supervised learning with consistency and confidence", NeurIPS 2020,
arXiv 2001.07685; pixel by pixel and with CutMix, as in section 3.1 of UniMatch (arXiv 2208.09910).
"""

from __future__ import annotations

import math

import torch

from mutualseg.losses.consistency import pseudo_label_loss, pseudo_labels
from mutualseg.losses.pseudo_label import disagreement, hard_labels, share_kept
from mutualseg.methods.base import BuildNetwork, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view
from mutualseg.methods.one_student import OneStudent
from mutualseg.networks.looking import look
from mutualseg.types import Batch, StepOutput


class FixMatch(OneStudent):
    """FixMatch, weak to strong, with one network that teaches itself.

    L = L_sup + weight * mean 1(max p_weak >= threshold) CE(p_strong, argmax p_weak) (equation 4), where the
    strong view and the labels of the weak one are mixed by CutMix.

    Args:
        build_network: makes the student.
        weight: of the unlabeled term; 0 turns it off.
        threshold: least confidence of a pseudo-label to count; 0 counts all.
        ema: final momentum of the averaged copy, which is deployed and teaches nobody.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        burn_in: share of the run that is supervised only; 0 starts at once.
        ramp: share of the run over which the unlabeled term then rises to its weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
    """

    labels_from = "student_a"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        weight: float = 1.0,
        threshold: float = 0.95,
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

        taught = pseudo_labels(view.mix(look(self.student_a, batch.unlabeled.weak).logits), self.threshold)
        logits = self.student_a(torch.cat([labeled.images, view.images])).logits
        seen, strong = logits.split([len(labeled.images), len(view.images)])

        valid = view.valid_on(strong)
        return StepOutput(
            losses={
                "supervised": self.supervised_loss(seen, labeled.masks),
                "strong": weight * self.weight * pseudo_label_loss(strong, taught, valid),
            },
            logs={
                "kept": share_kept(taught.keep, valid),
                "views_disagree": disagreement(hard_labels(strong), taught.labels, valid),
            },
        )
