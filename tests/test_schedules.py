from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.schedules import (
    ema_momentum,
    poly_decay,
    reachable_momentum,
    semantic_strength,
    unlabeled_weight,
)

shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("step", "end", "expected"),
    [(1, 0.6, 0.0), (2, 0.6, 0.5), (3, 0.6, 0.6), (3, 0.99, 2 / 3), (100, 0.99, 0.99), (101, 0.99, 0.99)],
)
def test_ema_momentum_by_hand(step: int, end: float, expected: float) -> None:
    assert ema_momentum(step, end) == pytest.approx(expected)


@given(step=st.integers(1, 10**6), end=shares)
def test_ema_momentum_copies_first_then_rises_to_its_end(step: int, end: float) -> None:
    assert ema_momentum(1, end) == 0
    assert ema_momentum(step, end) <= ema_momentum(step + 1, end) <= end
    assert ema_momentum(step, 0) == 0


@pytest.mark.parametrize(
    ("end", "total", "reach", "expected"),
    [
        (0.99, 300, 0.05, 1 - 1 / 15),
        (0.99, 10_000, 0.05, 0.99),
        (0.99, 300, 1.0, 0.99),
        (0.99, 20, 0.05, 0.9),
        (0.6, 300, 0.05, 0.6),
        (0.0, 300, 0.05, 0.0),
    ],
)
def test_averages_reach_back_over_part_of_a_run(
    end: float, total: int, reach: float, expected: float
) -> None:
    assert reachable_momentum(end, total, reach) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0, 0), (0.25, 0.75 * (1 - math.sqrt(0.5))), (0.5, 0.75), (1, 1.5)]
)
def test_semantic_strength_by_hand(progress: float, expected: float) -> None:
    assert semantic_strength(progress, 1.5) == pytest.approx(expected, abs=1e-12)


@given(one=shares, two=shares)
def test_semantic_strength_rises_and_zero_is_off(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 <= semantic_strength(low, 1.5) <= semantic_strength(high, 1.5) <= 1.5
    assert semantic_strength(one, 0) == 0


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0), (299, 0), (300, 0), (350, 0.1464466), (400, 0.5), (500, 1), (1000, 1)]
)
def test_unlabeled_weight_by_hand(step: int, expected: float) -> None:
    assert unlabeled_weight(step, 1000, burn_in=0.3, ramp=0.2) == pytest.approx(expected, abs=1e-6)


def test_unlabeled_weight_off_values() -> None:
    assert all(unlabeled_weight(step, 10, 0, 0) == 1 for step in range(11))
    assert [unlabeled_weight(step, 10, 0.3, 0) for step in (2, 3)] == [0, 1]
    assert [unlabeled_weight(step, 10, 0, 1) for step in (0, 5, 10)] == pytest.approx([0, 0.5, 1])
    assert all(unlabeled_weight(step, 10, 1, 0) == 0 for step in range(10))
    assert all(unlabeled_weight(step, 10, 0, 0, 1) == 0 for step in range(10))


@pytest.mark.parametrize(("cooldown", "total"), [(0.18, 1200), (0.2, 1500), (0.07, 100), (0.3, 10)])
def test_a_cooldown_has_its_share_of_the_steps(cooldown: float, total: int) -> None:
    on = [unlabeled_weight(step, total, 0, 0, cooldown) for step in range(total)]
    assert on.count(0.0) == round(cooldown * total)


@given(burn_in=shares, ramp=shares, steps=st.integers(1, 50))
def test_unlabeled_weight_falls_at_a_cooldown_alone(burn_in: float, ramp: float, steps: int) -> None:
    weights = [unlabeled_weight(step, steps, burn_in, ramp) for step in range(steps + 1)]
    assert weights == sorted(weights)
    assert all(0 <= weight <= 1 for weight in weights)
    ending = [unlabeled_weight(step, steps, burn_in, ramp, 0.25) for step in range(steps)]
    assert ending == [weight * (step < 0.75 * steps) for step, weight in enumerate(weights[:-1])]


@pytest.mark.parametrize(
    ("step", "power", "warmup", "expected"),
    [
        (0, 0.9, 0, 1),
        (50, 0.9, 0, 0.5**0.9),
        (50, 1, 0, 0.5),
        (50, 0, 0, 1),
        (100, 0.9, 0, 0),
        (0, 0, 4, 0.2),
        (3, 0, 4, 0.8),
        (4, 0, 4, 1),
        (1, 1, 3, 0.5 * 0.99),
    ],
)
def test_poly_decay_by_hand(step: int, power: float, warmup: int, expected: float) -> None:
    assert poly_decay(step, 100, power, warmup) == pytest.approx(expected, abs=1e-12)


@given(step=st.integers(0, 99), power=st.floats(0.01, 3))
def test_poly_decay_falls_and_trains_to_the_last_step(step: int, power: float) -> None:
    assert 0 <= poly_decay(step + 1, 100, power) < poly_decay(step, 100, power) <= 1
