"""Real processes killed at moments nobody chose: a few here, fifty in `make soak`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "soak"))

from kills import Kills, table, try_kills


def _survived(found: Kills, kills: int) -> None:
    print(table(found))
    assert found.wrong == []
    assert found.survived == found.tried
    assert found.runs > 0
    assert found.tried == kills or kills > 5, "the machine was too fast to be killed"


@pytest.mark.slow
def test_two_kills(tmp_path: Path) -> None:
    _survived(try_kills(tmp_path, kills=2, minutes=5, seed=1, steps=40), 2)


@pytest.mark.soak
def test_fifty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        _survived(try_kills(tmp_path, kills=50, minutes=30), 50)
