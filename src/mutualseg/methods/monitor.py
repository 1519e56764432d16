"""What two branches with teachers log of the unlabeled half of a batch."""

from __future__ import annotations

from torch import Tensor

from mutualseg.losses.pseudo_label import disagreement, share_kept


def monitor(
    pseudo_labels: dict[str, Tensor], keep: dict[str, Tensor], valid: Tensor, first: int
) -> dict[str, Tensor]:
    """Return how much of the unlabeled half is kept and where the networks disagree, as shares."""
    labels = {role: maps[first:] for role, maps in pseudo_labels.items()}
    area = valid[first:]
    kept = [share_kept(keep[role][first:], area) for role in ("teacher_a", "teacher_b")]
    return {
        "kept": (kept[0] + kept[1]) / 2,
        "students_disagree": disagreement(labels["student_a"], labels["student_b"], area),
        "teacher_a_disagrees": disagreement(labels["student_b"], labels["teacher_a"], area),
        "teacher_b_disagrees": disagreement(labels["student_a"], labels["teacher_b"], area),
    }
