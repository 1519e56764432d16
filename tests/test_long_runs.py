"""What a run takes up as it goes on. At full length: `python soak/long_run.py`."""

from __future__ import annotations

import importlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mutualseg.engine.progress_lines import steps_between_points
from mutualseg.reporting.kept_pictures import MOST, picture_at, thin_out

SOAK = Path(__file__).parents[1] / "soak"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the program as a module."""
    monkeypatch.syspath_prepend(SOAK)
    return importlib.import_module("long_run")


@pytest.mark.slow
def test_handles_and_logs_stay_bounded(
    program: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Memory of 60 steps is that of buffers which fill: at full length it is bounded too."""
    out = tmp_path / "out.json"
    words = ["--steps", "60", "--files", "12", "--evaluate-every", "20", "--checkpoint-every", "20"]
    assert program.main([*words, "--memory-mb", "1000", "--log-kb", "500", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert (found["steps"], found["pictures"], found["beyond"]) == (60, 3, [])
    assert [reading["step"] for reading in found["readings"]] == list(range(1, 61))
    assert found["log_kb_per_1000_steps"] > 0
    assert found["handles"][0] > 10
    assert found["loaders_mb"][0] > 0
    assert "nothing grows beyond its bound" in capsys.readouterr().out


@pytest.mark.soak
@pytest.mark.parametrize(
    "words",
    [["--steps", "20000", "--minutes", "20"], ["--files", "100000", "--steps", "300", "--memory-mb", "100"]],
    ids=["20,000 steps", "100,000 files"],
)
def test_at_full_length(program: Any, words: list[str]) -> None:
    assert program.main(words) == 0


def test_growth_is_told_from_noise(program: Any) -> None:
    bounds = importlib.import_module("growth_bounds")
    noise = np.random.default_rng(0).normal(0, 0.2, 201)

    def readings(memory: float, handles: float, logs: float) -> list[Any]:
        growth = importlib.import_module("growth")
        return [
            growth.Reading(
                step=step,
                seconds=step / 100,
                # A first quarter that fills buffers does not count.
                resident_mb=500 + min(step, 4000) / 10 + memory * step / 1000 + noise[step // 100],
                loaders_mb=30,
                handles=60 + int(handles * step / 1000) + step // 100 % 3,
                log_bytes=int(1024 * logs * step / 1000),
                pictures=0,
            )
            for step in range(0, 20_001, 100)
        ]

    allowed = bounds.Bounds(memory_mb=0.5, handles=5, log_kb=60)
    figures, beyond = bounds.judge(readings(0.3, 0, 50), allowed)
    assert beyond == []
    assert figures["memory_mb_per_1000_steps"] == pytest.approx(0.3, abs=4 * figures["its_standard_error"])
    assert figures["its_standard_error"] < 0.01
    assert figures["ms_per_step"] == [10, 10]
    assert figures["log_kb_per_1000_steps"] == 50
    for leak, said in (((0.7, 0, 50), "memory"), ((0, 1, 50), "handles"), ((0, 0, 70), "logs")):
        _, beyond = bounds.judge(readings(*leak), allowed)
        assert len(beyond) == 1
        assert said in beyond[0]


@pytest.mark.parametrize(("rounds", "extra"), [(3, 0), (49, 0), (50, 0), (99, 5), (100, 0), (730, 3)])
def test_pictures_of_many_evaluations_are_thinned_out(rounds: int, extra: int, tmp_path: Path) -> None:
    every = 10
    steps = [every * number for number in range(1, rounds + 1)] + ([every * rounds + extra] if extra else [])
    (tmp_path / "step_notes.png").touch()
    for step in steps:
        picture_at(tmp_path, step).touch()
        thin_out(tmp_path, step, every)
        assert picture_at(tmp_path, step).is_file()
        assert len(list(tmp_path.iterdir())) <= MOST + 1
    kept = sorted(int(path.stem[5:]) for path in tmp_path.glob("step_0*"))
    assert len(kept) >= min(len(steps), MOST // 2 - 1)
    apart = {later - earlier for earlier, later in pairwise(kept[:-1])}
    assert len(apart) == 1  # evenly, but for the newest
    if rounds < MOST:
        assert kept == steps
    assert (tmp_path / "step_notes.png").is_file()


def test_a_resumed_run_keeps_the_same_pictures(tmp_path: Path) -> None:
    def draw(folder: Path, first: int, last: int) -> None:
        for step in range(first, last + 1):
            picture_at(folder, step).touch()
            thin_out(folder, step, 1)

    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    straight.mkdir()
    resumed.mkdir()
    draw(straight, 1, 230)
    draw(resumed, 1, 180)
    draw(resumed, 95, 230)  # from a checkpoint at 94
    assert sorted(p.name for p in straight.iterdir()) == sorted(p.name for p in resumed.iterdir())


@pytest.mark.parametrize(
    ("total", "between"),
    [(4, 1), (40, 2), (399, 19), (400, 20), (100_000, 20), (100_001, 21), (1_000_000, 200), (10**7, 2000)],
)
def test_curves_have_a_bounded_number_of_points(total: int, between: int) -> None:
    assert steps_between_points(total) == between
    assert min(total, 20) <= total // between <= 5000
