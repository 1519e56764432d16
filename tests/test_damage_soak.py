"""The program that damages checkpoints: none is taken for a sound one, and it would say so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

import damaged_checkpoints


@pytest.mark.slow
def test_damaged_checkpoints_are_recognised() -> None:
    found = damaged_checkpoints.damage_and_ask(28, 1, seed=1, seconds=120.0)
    assert found["tried"] == found["recognised"] > 0, found["missed"]
    assert found["resumed"] == 1


@pytest.mark.slow
def test_one_that_is_missed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def sealed(path: Any) -> bool:
        return True

    monkeypatch.setattr("mutualseg.engine.checkpoints.is_sealed", sealed)
    monkeypatch.setattr(
        damaged_checkpoints, "DAMAGES", {"a bit of the seal": damaged_checkpoints._flip_in_seal}
    )
    found = damaged_checkpoints.damage_and_ask(3, 0, seed=1, seconds=120.0)
    assert (found["recognised"], found["tried"], len(found["missed"])) == (0, 3, 3)


@pytest.mark.soak
def test_a_thousand_damaged_checkpoints_are_recognised() -> None:
    found = damaged_checkpoints.damage_and_ask(1000, 14, seed=0, seconds=3000.0)
    assert found["tried"] == found["recognised"] == 1000, found["missed"]
