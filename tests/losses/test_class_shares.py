"""Weights by class share: hand values, and what must not move them."""

from __future__ import annotations

import pytest
import torch

from mutualseg.losses.class_shares import LEAST_SHARE, ClassShares

ALL = torch.ones(1, 2, 2, dtype=torch.bool)


def shares(*values: float) -> ClassShares:
    made = ClassShares(len(values))
    made.share.copy_(torch.tensor(values))
    return made


def test_shares_move_by_hand_values() -> None:
    moving = ClassShares(4, momentum=0.5)
    moving.update(torch.tensor([[[0, 0], [0, 1]]]), ALL)
    torch.testing.assert_close(moving.share, torch.tensor([0.5, 0.25, 0.125, 0.125]))


def test_invalid_pixels_do_not_count_and_none_at_all_change_nothing() -> None:
    moving = ClassShares(2, momentum=0.0)
    labels = torch.tensor([[[0, 1], [1, 1]]])
    moving.update(labels, torch.tensor([[[True, True], [False, False]]]))
    torch.testing.assert_close(moving.share, torch.tensor([0.5, 0.5]))
    moving.share.copy_(torch.tensor([0.9, 0.1]))
    moving.update(labels, ~ALL)
    torch.testing.assert_close(moving.share, torch.tensor([0.9, 0.1]))


def test_weights_are_a_power_of_the_share() -> None:
    weights = shares(0.64, 0.32, 0.04).weights(0.5)
    torch.testing.assert_close(weights[2] / weights[0], torch.tensor(4.0))  # sqrt(0.64 / 0.04)


@pytest.mark.parametrize("balance", [0.0, 0.3, 0.5, 1.0])
def test_mean_weight_over_the_pixels_is_one(balance: float) -> None:
    known = shares(0.5, 0.3, 0.1, 0.06, 0.04)
    torch.testing.assert_close((known.share * known.weights(balance)).sum(), torch.tensor(1.0))


def test_fresh_shares_and_no_balance_weigh_every_class_one() -> None:
    torch.testing.assert_close(ClassShares(5).weights(0.7), torch.ones(5))
    torch.testing.assert_close(shares(0.9, 0.1).weights(0.0), torch.ones(2))


def test_full_balance_gives_every_class_the_same_sum() -> None:
    known = shares(0.6, 0.3, 0.1)
    torch.testing.assert_close(known.share * known.weights(1.0), torch.full((3,), 1 / 3))


def test_a_vanished_class_weighs_no_more_than_the_least_share() -> None:
    weights = shares(1.0 - LEAST_SHARE, LEAST_SHARE, 0.0).weights(1.0)
    torch.testing.assert_close(weights[2], weights[1])
    assert bool(weights.isfinite().all())


def test_state_is_saved_and_carries_no_gradient() -> None:
    known = ClassShares(2)
    assert set(known.state_dict()) == {"share"}
    assert not list(known.parameters())
