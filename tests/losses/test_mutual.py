from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.pixelwise import log_mean_probabilities
from mutualseg.types import Pair
from tests.losses import reference


def pair(seed: int, *, dtype: torch.dtype = torch.float32) -> Pair[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 3, 5, 4, 6, generator=generator, dtype=torch.float64).to(dtype)
    return a, b


def masks(seed: int) -> Pair[Tensor]:
    a, b = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(seed)) > 0.4
    return a, b


def one_pixel(*probabilities: float) -> Tensor:
    return torch.tensor(probabilities).log().view(1, -1, 1, 1)


def test_hand_values() -> None:
    students = one_pixel(0.9, 0.1), one_pixel(0.2, 0.8)
    teachers = one_pixel(0.4, 0.6), one_pixel(0.7, 0.3)
    loss = mutual_distillation_loss(students, teachers)
    # teacher b says 0 to a, teacher a says 1 to b; student b says 1 to a, student a says 0 to b
    assert loss.teacher.item() == pytest.approx(-math.log(0.9) - math.log(0.8))
    assert loss.peer.item() == pytest.approx(-math.log(0.1) - math.log(0.2))
    assert loss.total.item() == pytest.approx(1.5 * loss.teacher.item() + loss.peer.item())


def test_soft_labels_by_hand() -> None:
    """Teachers teach probabilities; peers their arg max as ever."""
    students = one_pixel(0.9, 0.1), one_pixel(0.2, 0.8)
    teachers = one_pixel(0.4, 0.6), one_pixel(0.7, 0.3)
    loss = mutual_distillation_loss(students, teachers, soft_labels=True)
    of_b = -(0.7 * math.log(0.9) + 0.3 * math.log(0.1))
    of_a = -(0.4 * math.log(0.2) + 0.6 * math.log(0.8))
    assert loss.teacher.item() == pytest.approx(of_b + of_a)
    assert loss.peer.item() == pytest.approx(-math.log(0.1) - math.log(0.2))


def test_mean_of_two_opinions_by_hand() -> None:
    mean = log_mean_probabilities(one_pixel(0.4, 0.6), one_pixel(0.7, 0.3) + 5)
    torch.testing.assert_close(mean, one_pixel(0.55, 0.45))
    far = log_mean_probabilities(torch.tensor([200.0, 0.0]).view(1, 2, 1, 1), one_pixel(0.5, 0.5))
    torch.testing.assert_close(far.softmax(1), torch.tensor([0.75, 0.25]).view(1, 2, 1, 1))


def test_equals_the_slow_reference_with_masks() -> None:
    students, teachers = pair(0), pair(1)
    valid, teacher_keep, peer_keep = masks(2)[0], masks(3), masks(4)
    loss = mutual_distillation_loss(
        students, teachers, teacher_keep=teacher_keep, peer_keep=peer_keep, valid=valid
    )
    teacher, peer = reference.mutual(
        students, teachers, teacher_keep=teacher_keep, peer_keep=peer_keep, valid=valid
    )
    torch.testing.assert_close(loss.teacher.double(), teacher, rtol=1e-6, atol=0)
    torch.testing.assert_close(loss.peer.double(), peer, rtol=1e-6, atol=0)


def test_swapping_the_branches_changes_nothing() -> None:
    (a, b), (ta, tb), (ka, kb) = pair(0), pair(1), masks(2)
    first = mutual_distillation_loss((a, b), (ta, tb), teacher_keep=(ka, kb))
    second = mutual_distillation_loss((b, a), (tb, ta), teacher_keep=(kb, ka))
    torch.testing.assert_close(first.total, second.total)


def test_keep_belongs_to_the_labels_and_stays_in_the_divisor() -> None:
    students = one_pixel(0.9, 0.1), one_pixel(0.2, 0.8)
    teachers = one_pixel(0.4, 0.6), one_pixel(0.7, 0.3)
    none, every = torch.zeros(1, 1, 1, dtype=torch.bool), torch.ones(1, 1, 1, dtype=torch.bool)
    loss = mutual_distillation_loss(students, teachers, teacher_keep=(none, every), peer_weight=0)
    assert loss.teacher.item() == pytest.approx(-math.log(0.9)), "teacher a's label must not teach b"
    wide = tuple(t.repeat(1, 1, 1, 2) for t in (*students, *teachers))
    half = torch.tensor([[[True, False]]])
    loss = mutual_distillation_loss(wide[:2], wide[2:], teacher_keep=(half, half))  # type: ignore[arg-type]
    assert loss.teacher.item() == pytest.approx((-math.log(0.9) - math.log(0.8)) / 2)


def test_all_kept_equals_no_mask_and_floats_weigh() -> None:
    students, teachers = pair(0), pair(1)
    every = torch.ones(3, 4, 6, dtype=torch.bool)
    plain = mutual_distillation_loss(students, teachers)
    kept = mutual_distillation_loss(
        students, teachers, teacher_keep=(every, every), peer_keep=(every * 0.5, every * 0.5), valid=every
    )
    torch.testing.assert_close(kept.teacher, plain.teacher)
    torch.testing.assert_close(kept.peer, plain.peer / 2)


def test_invalid_pixels_leave_sum_and_divisor() -> None:
    students, teachers = pair(0), pair(1)
    valid = torch.ones(3, 4, 6, dtype=torch.bool)
    valid[..., 4:] = False
    cut = mutual_distillation_loss(_left(students), _left(teachers))
    torch.testing.assert_close(mutual_distillation_loss(students, teachers, valid=valid).total, cut.total)


def _left(maps: Pair[Tensor]) -> Pair[Tensor]:
    return maps[0][..., :4], maps[1][..., :4]


def test_terms_can_be_skipped() -> None:
    students, teachers = pair(0), pair(1)
    full = mutual_distillation_loss(students, teachers)
    cps = mutual_distillation_loss(students, None)
    torch.testing.assert_close(cps.total, full.peer)
    assert cps.teacher.item() == 0
    alone = mutual_distillation_loss(students, teachers, peer_weight=0, teacher_weight=2)
    torch.testing.assert_close(alone.total, 2 * full.teacher)
    a = students[0].requires_grad_()
    nothing = mutual_distillation_loss((a, students[1]), None, peer_weight=0)
    torch.autograd.backward(nothing.total)
    assert nothing.total.item() == 0
    assert a.grad is not None
    assert not a.grad.any()


def test_nothing_valid_is_zero_with_a_graph() -> None:
    students = pair(0)
    students[0].requires_grad_()
    loss = mutual_distillation_loss(students, pair(1), valid=torch.zeros(3, 4, 6, dtype=torch.bool)).total
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert students[0].grad is not None
    assert not students[0].grad.any()


def test_no_gradient_through_the_labels() -> None:
    students, teachers = pair(0), pair(1)
    for logits in (*students, *teachers):
        logits.requires_grad_()
    torch.autograd.backward(mutual_distillation_loss(students, teachers).total)
    assert all(logits.grad is None for logits in teachers)
    assert all(logits.grad is not None and logits.grad.any() for logits in students)


def test_float32_under_autocast() -> None:
    a, b = pair(0, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = mutual_distillation_loss((a, b), pair(1)).total
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, mutual_distillation_loss((a.float(), b.float()), pair(1)).total)


def test_gradcheck() -> None:
    students, teachers = pair(0, dtype=torch.float64), pair(1, dtype=torch.float64)
    a, b = (logits[:1, :, :2, :2].clone().requires_grad_() for logits in students)
    guides = (teachers[0][:1, :, :2, :2], teachers[1][:1, :, :2, :2])
    assert torch.autograd.gradcheck(lambda a, b: mutual_distillation_loss((a, b), guides).total, (a, b))


def test_misfits_are_refused() -> None:
    a, b = pair(0)
    with pytest.raises(ValueError, match="do not fit"):
        mutual_distillation_loss((a, b[..., :3]), None)
    with pytest.raises(ValueError, match="differ in shape"):
        mutual_distillation_loss((a, b), None, valid=torch.ones(3, 4, 5, dtype=torch.bool))
