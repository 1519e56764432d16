"""How many steps fit into a budget, with the evaluations between and after them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mutualseg.engine.calibration import steps_within


def seconds_of(steps: int, per_step: float, per_evaluation: float, every: int) -> float:
    return steps * per_step + math.ceil(steps / every) * per_evaluation


def test_hand_values() -> None:
    assert steps_within(16, 1, 1, 3) == 12  # four rounds of 3 + 1
    assert steps_within(18, 1, 1, 3) == 13  # 12 in 16 s, one more and its evaluation
    assert steps_within(17, 1, 1, 3) == 12  # a 13th has no time for its evaluation
    assert steps_within(20, 1, 6, 1000) == 14  # longer than the run: evaluated once, at the end
    assert steps_within(5, 1, 6, 1000) == 0


@given(
    st.integers(0, 5000), st.integers(1, 50), st.integers(0, 400), st.integers(1, 200)
)  # whole seconds: sums are exact
def test_they_fit_and_one_more_does_not(seconds: int, per_step: int, per_evaluation: int, every: int) -> None:
    steps = steps_within(seconds, per_step, per_evaluation, every)
    assert seconds_of(steps, per_step, per_evaluation, every) <= seconds
    assert seconds_of(steps + 1, per_step, per_evaluation, every) > seconds
