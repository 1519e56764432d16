"""What a network says of the pixels that are distilled on, and which of it is sure enough to teach."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mutualseg.losses.pseudo_label import confidence, hard_labels
from mutualseg.losses.pseudo_label_weights import PseudoLabelWeights


class Opinion(NamedTuple):
    """One network's, of B images."""

    logits: Tensor
    """[B,K,h,w], after the semantic augmentation."""
    labels: Tensor
    """[B,h,w] int64, their arg max."""
    keep: Tensor
    """[B,h,w] bool, which labels are sure enough to teach."""
    weight: Tensor
    """[B,h,w], how much each of them weighs."""


def form_opinion(augmented: Tensor, plain: Tensor, valid: Tensor, judge: PseudoLabelWeights) -> Opinion:
    """Take the labels of a network after the augmentation, and judge them by its confidence before it.

    Args:
        augmented: logits [B,K,h,w] after the semantic augmentation.
        plain: the same before it.
        valid: [B,h,w] bool; other pixels tell the judge nothing.
        judge: of this network's labels; it takes the batch in.
    """
    labels = hard_labels(augmented)
    judged = judge.judge(confidence(plain), labels, valid)
    return Opinion(augmented, labels, judged.keep, judged.weight)
