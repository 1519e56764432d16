"""Which labels teach, and how loudly."""

from __future__ import annotations

import pytest
import torch

from mutualseg.losses.pseudo_label_weights import PseudoLabelWeights


def test_rare_labels_weigh_more_and_the_sum_stays() -> None:
    judge = PseudoLabelWeights(3, threshold=0.0, adaptive=False, class_balance=0.5)
    labels = torch.tensor([[[0] * 16 + [1] * 4]])
    sure, valid = torch.ones(1, 1, 20), torch.ones(1, 1, 20, dtype=torch.bool)
    for _ in range(300):  # shares settle
        weight = judge.judge(sure, labels, valid).weight
    torch.testing.assert_close(weight[0, 0, -1] / weight[0, 0, 0], torch.tensor(2.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(weight.mean(), torch.tensor(1.0), rtol=1e-3, atol=0)


def test_a_label_that_is_not_kept_weighs_nothing_and_does_not_count() -> None:
    judge = PseudoLabelWeights(3, threshold=0.8, adaptive=False, class_balance=0.5)
    judged = judge.judge(
        torch.tensor([[[0.8, 0.79]]]), torch.tensor([[[0, 1]]]), torch.ones(1, 1, 2, dtype=torch.bool)
    )
    assert judged.keep.tolist() == [[[True, False]]]
    assert judged.weight[0, 0, 1] == 0.0
    assert judge.shares.share[0] > judge.shares.share[1] == judge.shares.share[2]


def test_without_balance_labels_weigh_as_they_are_kept() -> None:
    judge = PseudoLabelWeights(3, threshold=0.5, adaptive=False, class_balance=0.0)
    judged = judge.judge(
        torch.rand(2, 4, 4), torch.randint(3, (2, 4, 4)), torch.ones(2, 4, 4, dtype=torch.bool)
    )
    assert judged.weight is judged.keep


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_class_that_is_rarely_sure_keeps_more_if_thresholds_adapt(adaptive: bool) -> None:
    judge = PseudoLabelWeights(2, threshold=0.9, adaptive=adaptive, class_balance=0.0)
    labels, valid = torch.tensor([[[0, 1]]]), torch.ones(1, 1, 2, dtype=torch.bool)
    sure = torch.tensor([[[0.95, 0.6]]])
    assert judge.judge(sure, labels, valid).keep.tolist() == [[[True, False]]]  # all start at the plain one
    for _ in range(300):  # means settle at 0.95 and 0.6
        judged = judge.judge(sure, labels, valid)
    assert judged.keep.tolist() == [[[True, adaptive]]]
    if adaptive:
        torch.testing.assert_close(
            judge.thresholds(), torch.tensor([0.9, 0.9 * 0.6 / 0.95]), rtol=1e-3, atol=0
        )
    else:
        assert judge.thresholds() == 0.9


def test_pixels_that_are_not_valid_change_nothing() -> None:
    judge = PseudoLabelWeights(2, threshold=0.5, adaptive=True, class_balance=1.0)
    before = {name: value.clone() for name, value in judge.state_dict().items()}
    judge.judge(torch.rand(1, 3, 3), torch.randint(2, (1, 3, 3)), torch.zeros(1, 3, 3, dtype=torch.bool))
    assert all(torch.equal(before[name], value) for name, value in judge.state_dict().items())
