"""Which of one network's pseudo-labels teach, and how loudly."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from mutualseg.losses.class_confidence import ClassConfidence
from mutualseg.losses.class_shares import ClassShares
from mutualseg.losses.pseudo_label import keep_confident


class Judged(NamedTuple):
    """What a batch of labels is worth."""

    keep: Tensor
    """[B,h,w] bool, which labels are sure enough to teach."""
    weight: Tensor
    """[B,h,w], how much each of them weighs: float, or `keep` itself where all weigh alike."""


class PseudoLabelWeights(nn.Module):
    """Judge the labels of one network, class by class, from what it has said so far.

    Args:
        num_classes: K.
        threshold: least confidence of a label to teach; 0 keeps all.
        adaptive: whether the threshold follows each class's own mean confidence.
        class_balance: power of a class's share by which its labels weigh less; 0 weighs all alike.
    """

    def __init__(self, num_classes: int, *, threshold: float, adaptive: bool, class_balance: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.adaptive = adaptive
        self.class_balance = class_balance
        self.confidence = ClassConfidence(num_classes)
        self.shares = ClassShares(num_classes)

    def judge(self, confident: Tensor, labels: Tensor, valid: Tensor) -> Judged:
        """Take in a batch, then say what each of its labels is worth.

        Args:
            confident: [B,h,w] in [0, 1], how sure the network is.
            labels: [B,h,w] int64 in [0, K), what it says.
            valid: [B,h,w] bool; others enter neither means nor shares.
        """
        if self.adaptive:
            self.confidence.update(confident, labels, valid)
        keep = keep_confident(confident, self.thresholds(), labels)
        if self.class_balance == 0.0:
            return Judged(keep, keep)
        self.shares.update(labels, valid & keep)
        return Judged(keep, self.shares.weights(self.class_balance)[labels] * keep)

    def thresholds(self) -> float | Tensor:
        """Return the least confidence of a label to teach, or [K] one per class where they adapt."""
        return self.confidence.thresholds(self.threshold) if self.adaptive else self.threshold
