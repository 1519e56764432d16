"""UniMatch: FixMatch with two strong views and a view whose features are perturbed.

Yang et al., "Revisiting weak-to-strong consistency in semi-supervised semantic segmentation", CVPR 2023,
arXiv 2208.09910.
"""

from __future__ import annotations

import math
from functools import partial
from typing import ClassVar

import torch

from mutualseg.losses.consistency import pseudo_label_loss, pseudo_labels
from mutualseg.losses.pseudo_label import disagreement, hard_labels, share_kept
from mutualseg.losses.resize import resize_labels
from mutualseg.methods.base import BuildNetwork, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view, second_mixed_view
from mutualseg.methods.one_student import OneStudent
from mutualseg.networks.channel_dropout import drop_channels
from mutualseg.networks.looking import look
from mutualseg.types import Batch, StepOutput


class UniMatch(OneStudent):
    """UniMatch: one network, one weak view that teaches two strong views and one of dropped features.

    L = L_sup + feature_weight * H(p_w, p_fp) + strong_weight / 2 * (H(p_w, p_s1) + H(p_w, p_s2)), each H the
    cross entropy against labels of confidence >= threshold (equation 6). Strong views are mixed by CutMix,
    each by boxes of its own.

    Args:
        build_network: makes the student.
        strong_weight: of both strong views together (mu); 0 turns them off.
        feature_weight: of the view with dropped features (lambda); 0 turns it off.
        dropout: chance of a channel of the encoder to be dropped in that view.
        threshold: least confidence of a pseudo-label to count; 0 counts all.
        ema: final momentum of the averaged copy, which is deployed and teaches nobody.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        burn_in: share of the run that is supervised only; 0 starts at once.
        ramp: share of the run over which the unlabeled terms then rise to their weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
    """

    strong_views: ClassVar[int] = 2
    labels_from = "student_a"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        strong_weight: float = 0.5,
        feature_weight: float = 0.5,
        dropout: float = 0.5,
        threshold: float = 0.95,
        ema: float = 0.99,
        ema_reach: float = 0.07,
        burn_in: float = 0.2,
        ramp: float = 0.1,
        cooldown: float = 0.2,
    ) -> None:
        require_between(0.0, math.inf, strong_weight=strong_weight, feature_weight=feature_weight)
        require_between(0.0, 1.0, threshold=threshold)
        require_between(0.0, 0.99, dropout=dropout)
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.strong_weight = strong_weight
        self.feature_weight = feature_weight
        self.dropout = dropout
        self.threshold = threshold

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, weight = batch.labeled, self.unlabeled_weight(progress)
        if weight == 0.0 or batch.unlabeled is None:
            return self.supervised_step(labeled)
        weak = batch.unlabeled.weak
        view_1, view_2 = mixed_view(batch.unlabeled), second_mixed_view(batch.unlabeled)

        plain = look(self.student_a, weak).logits
        taught = pseudo_labels(plain, self.threshold)
        taught_1, taught_2 = (pseudo_labels(view.mix(plain), self.threshold) for view in (view_1, view_2))
        first, count = len(labeled.images), len(weak)
        drop = partial(drop_channels, first=first, last=first + count, share=self.dropout)
        images = torch.cat([labeled.images, weak, view_1.images, view_2.images])
        logits = self.student_a(images, drop).logits
        seen, dropped, strong_1, strong_2 = logits.split([first, count, count, count])

        valid = resize_labels(batch.unlabeled.valid, (plain.shape[-2], plain.shape[-1]))
        valid_1, valid_2 = view_1.valid_on(plain), view_2.valid_on(plain)
        loss_1 = pseudo_label_loss(strong_1, taught_1, valid_1)
        loss_2 = pseudo_label_loss(strong_2, taught_2, valid_2)
        return StepOutput(
            losses={
                "supervised": self.supervised_loss(seen, labeled.masks),
                "strong": weight * (self.strong_weight / 2) * (loss_1 + loss_2),
                "features": weight * self.feature_weight * pseudo_label_loss(dropped, taught, valid),
            },
            logs={
                "kept": share_kept(taught.keep, valid),
                "views_disagree": disagreement(hard_labels(strong_1), taught_1.labels, valid_1),
            },
        )
