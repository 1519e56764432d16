from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor

ROLES = ("student_a", "student_b", "teacher_a", "teacher_b")


def row(*values: float) -> Tensor:
    return torch.tensor([values])


def test_by_hand() -> None:
    """Five pixels, the last of unknown class; two of the guide's labels are sure, one of them right."""
    monitor = PseudoLabelMonitor(("student_a", "teacher_a"), "teacher_a", 3, threshold=0.9)
    labels = {"student_a": row(0, 1, 2, 0, 0), "teacher_a": row(0, 1, 1, 0, 2)}
    monitor.update(labels, row(0.95, 0.9, 0.5, 0.8, 0.99), row(0, 2, 1, 0, 255))
    assert monitor.percentages(("sky", "road", "car")) == {
        "kept": 50.0,
        "kept_accuracy": 50.0,
        "accuracy": 75.0,
        "disagree_student_a_teacher_a": 25.0,
        "kept_share sky": 50.0,
        "true_share sky": 50.0,
        "kept_share road": 50.0,
        "true_share road": 25.0,
        "kept_share car": 0.0,
        "true_share car": 25.0,
    }


def test_thresholds_per_class() -> None:
    monitor = PseudoLabelMonitor(("student_a",), "student_a", 2, threshold=torch.tensor([0.9, 0.5]))
    monitor.update({"student_a": row(0, 0, 1, 1).long()}, row(0.95, 0.8, 0.6, 0.4), row(0, 0, 1, 1))
    assert monitor.percentages("ab")["kept"] == 50


def test_no_threshold_keeps_everything_and_nothing_is_no_fault() -> None:
    monitor = PseudoLabelMonitor(("student_a",), "student_a", 2, threshold=0.0)
    monitor.update({"student_a": row(0, 1)}, row(0.5, 0.6), row(255, 255))
    assert set(monitor.percentages("ab").values()) == {None}
    monitor.update({"student_a": row(0, 1)}, row(0.5, 0.6), row(0, 0))
    found = monitor.percentages("ab")
    assert found["kept"] == 100
    assert found["accuracy"] == found["kept_accuracy"] == 50


def test_students_are_compared_with_everyone_teachers_not_with_each_other() -> None:
    monitor = PseudoLabelMonitor(ROLES, "teacher_a", 2, threshold=0.5)
    assert monitor.pairs == [
        ("student_a", "student_b"),
        ("student_a", "teacher_a"),
        ("student_a", "teacher_b"),
        ("student_b", "teacher_a"),
        ("student_b", "teacher_b"),
    ]


@pytest.mark.parametrize("threshold", [0.0, 0.7])
def test_images_and_processes_add_up(threshold: float) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 4, (3, 5, 6, 7), generator=generator)
    sure, masks = (
        torch.rand(3, 6, 7, generator=generator),
        torch.randint(0, 4, (3, 6, 7), generator=generator),
    )
    masks[:, 0] = 255

    def look(images: range) -> PseudoLabelMonitor:
        monitor = PseudoLabelMonitor(ROLES, "teacher_b", 4, threshold=threshold)
        for i in images:
            monitor.update(dict(zip(ROLES, maps[i], strict=False)), sure[i], masks[i])
        return monitor

    whole, first, second = look(range(3)), look(range(1)), look(range(1, 3))
    first.gather(lambda counts: counts + second.counts)
    assert torch.equal(whole.counts, first.counts)

    # Once more, slowly: pixel by pixel.
    known = [(i, y, x) for i in range(3) for y in range(6) for x in range(7) if masks[i, y, x] != 255]
    kept = [at for at in known if sure[at] >= threshold]
    own = {at: int(maps[at[0], 3, at[1], at[2]]) for at in known}
    found = whole.percentages("abcd")
    assert found["kept"] == pytest.approx(100 * len(kept) / len(known), abs=1e-4)
    right = [at for at in kept if own[at] == masks[at]]
    assert found["kept_accuracy"] == pytest.approx(100 * len(right) / len(kept), abs=1e-4)
    apart = [at for at in known if maps[at[0], 0, at[1], at[2]] != maps[at[0], 1, at[1], at[2]]]
    assert found["disagree_student_a_student_b"] == pytest.approx(100 * len(apart) / len(known), abs=1e-4)
    for k, name in enumerate("abcd"):
        share = 100 * sum(own[at] == k for at in kept) / len(kept)
        assert found[f"kept_share {name}"] == pytest.approx(share, abs=1e-4)
