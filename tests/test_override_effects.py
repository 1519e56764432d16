"""What is said of an overridden setting beside its values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mutualseg.engine.override_effects import effect_of
from mutualseg.settings import Settings


def settings(**values: Any) -> Settings:
    known = {"steps": 200, "batch": 2, "unlabeled_batch": 2, "accumulate": 3, "method": {"burn_in": 0.2}}
    return cast(Settings, SimpleNamespace(**{**known, "data": "old", **values}))


def test_a_batch_moves_the_place_in_the_order() -> None:
    said = effect_of("batch", settings(), settings(batch=8), 100)
    assert said.startswith("; the labeled images go on at place 2400 of their order, not at 600,")
    said = effect_of("unlabeled_batch", settings(), settings(unlabeled_batch=1), 10)
    assert said.startswith("; the unlabeled images go on at place 30 of their order, not at 60,")


@pytest.mark.parametrize(
    ("steps", "share", "again"), [(400, 25, False), (1000, 10, True), (150, 66.7, False)]
)
def test_steps_move_the_schedules(steps: int, share: float, again: bool) -> None:
    said = effect_of("steps", settings(), settings(steps=steps), 100)
    assert f"stand at {share}% now, not at 50%" in said
    assert ("in the burn-in again" in said) is again
    assert "burn-in" not in effect_of("steps", settings(), settings(steps=2000), 20), "it is in it still"


def test_others_need_no_word() -> None:
    assert effect_of("seed", settings(), settings(), 100) == ""
    assert effect_of("steps", settings(), settings(steps=900), 0) == ""
    assert "files of the same names" in effect_of("data", settings(), settings(data="new"), 100)
