"""What two branches with teachers log of the unlabeled part of a batch."""

from __future__ import annotations

from torch import Tensor

from mutualseg.losses.pseudo_label import disagreement, share_kept
from mutualseg.methods.opinion import Opinion


def monitor(opinions: dict[str, Opinion], valid: Tensor, first: int) -> dict[str, Tensor]:
    """Return how much of the unlabeled part is kept and where the networks disagree, as shares.

    Args:
        opinions: by role.
        valid: [B,h,w] bool, the pixels that count.
        first: how many labeled images come before the unlabeled ones.
    """
    labels = {role: opinion.labels[first:] for role, opinion in opinions.items()}
    area = valid[first:]
    kept = [share_kept(opinions[role].keep[first:], area) for role in ("teacher_a", "teacher_b")]
    return {
        "kept": (kept[0] + kept[1]) / 2,
        "students_disagree": disagreement(labels["student_a"], labels["student_b"], area),
        "teacher_a_disagrees": disagreement(labels["student_b"], labels["teacher_a"], area),
        "teacher_b_disagrees": disagreement(labels["student_a"], labels["teacher_b"], area),
    }
