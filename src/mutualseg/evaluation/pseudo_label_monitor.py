"""How good pseudo-labels are, seen on images whose masks are known: the same numbers for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from mutualseg.losses.pseudo_label import keep_confident
from mutualseg.types import IGNORE_INDEX


class PseudoLabelMonitor:
    """Counts of what networks call the pixels of labeled images, and of how sure one of them is.

    Everything is a sum over pixels whose class is known, so that images and processes can be added up.

    Args:
        roles: of the networks, students first.
        guide: role of the network whose confidence is looked at: the one whose labels teach.
        num_classes: K.
        threshold: the confidence from which on its label teaches, or [K] one per class.
    """

    def __init__(
        self, roles: Sequence[str], guide: str, num_classes: int, *, threshold: float | Tensor
    ) -> None:
        self.guide = guide
        self.threshold = threshold
        # Two averages of students that never meet tell nothing; each student beside every other network does.
        self.pairs = [pair for pair in combinations(roles, 2) if pair[0].startswith("student")]
        self.num_classes = num_classes
        self.counts = torch.zeros(4 + len(self.pairs) + 2 * num_classes, dtype=torch.int64)
        """Pixels; sure ones; right ones among the sure; right ones; then per pair those named differently;
        then per class those that the guide is sure of, and those that are of the class."""

    def update(self, labels: Mapping[str, Tensor], confidence: Tensor, mask: Tensor) -> None:
        """Take in one image.

        Args:
            labels: role to [H,W] int64, the arg max of each network.
            confidence: [H,W], the guide's largest class probability.
            mask: [H,W] integer class indices, 255 where unknown.
        """
        known = mask != IGNORE_INDEX
        own = labels[self.guide]
        sure = known & keep_confident(confidence, self.threshold, own)
        right = known & (own == mask)
        events = [known, sure, sure & right, right]
        events += [known & (labels[one] != labels[two]) for one, two in self.pairs]
        shares = [_count(own, sure, self.num_classes), _count(mask, known, self.num_classes)]
        self.counts += torch.cat([torch.stack([event.sum() for event in events]), *shares]).cpu()

    def gather(self, total: Callable[[Tensor], Tensor]) -> None:
        """Replace this process's counts by those of all."""
        self.counts = total(self.counts)

    def percentages(self, classes: Sequence[str]) -> dict[str, float | None]:
        """Return every number by name, in percent.

        Args:
            classes: names in index order.

        Returns:
            `kept`: pixels of which the guide is sure enough to teach; `kept_accuracy`: those of them that it
            names rightly; `accuracy`: pixels named rightly; `disagree_A_B` for two networks;
            `kept_share NAME`: of the sure labels those of a class, beside `true_share NAME` of all pixels.
            None where there is nothing to count.
        """
        pixels, sure, sure_and_right, right, *rest = self.counts.tolist()
        apart, per_class = rest[: len(self.pairs)], rest[len(self.pairs) :]
        kept, true = per_class[: self.num_classes], per_class[self.num_classes :]
        found = {
            "kept": _percent(sure, pixels),
            "kept_accuracy": _percent(sure_and_right, sure),
            "accuracy": _percent(right, pixels),
        }
        for (one, two), count in zip(self.pairs, apart, strict=True):
            found[f"disagree_{one}_{two}"] = _percent(count, pixels)
        for name, own, real in zip(classes, kept, true, strict=True):
            found[f"kept_share {name}"] = _percent(own, sure)
            found[f"true_share {name}"] = _percent(real, pixels)
        return found


def _count(labels: Tensor, where: Tensor, num_classes: int) -> Tensor:
    """Return [K] int64, how many of the marked pixels have each label."""
    marked = labels.long().where(where, num_classes).flatten()
    return torch.zeros(num_classes + 1, dtype=torch.int64, device=labels.device).index_add_(
        0, marked, torch.ones_like(marked)
    )[:num_classes]


def _percent(count: int, of: int) -> float | None:
    return round(100 * count / of, 4) if of else None
