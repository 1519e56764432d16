"""The benchmark programs run and write what they say; how fast anything is, is not asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

PROGRAMS: dict[str, list[str]] = {
    "training_step": ["--cases", "lite0-64", "--rounds", "1", "--batch", "2", "--device", "cpu"],
    "methods": ["--case", "lite0-64", "--rounds", "1", "--device", "cpu"],
    "precision": ["--cases", "lite0-64", "--rounds", "1", "--device", "cpu"],
    "loading": ["--cases", "lite0-64", "--steps", "2"],
    "inference": ["--cases", "lite0-64", "--rounds", "1", "--images", "3", "--device", "cpu"],
    "large_images": ["--sides", "300", "--formats", "tiff"],
    "semantic_augmentation": ["--images", "2", "--side", "8", "--features", "16", "--rounds", "1"],
    "data_path": ["--largest", "1000"],
    "check_speed": ["--images", "40", "--fingerprints", "1000"],
    "work": ["--cases", "lite0-64", "--batch", "2"],
}


KEYS = {
    "training_step": (
        *("network", "crop", "device", "precision", "bare_ms", "step_ms", "ratio"),
        *("bare_peak_mb", "step_peak_mb", "parts_ms"),
    )
}
"""What others read."""


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_writes_its_rows(program: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    run = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{program}.py"), *PROGRAMS[program], "--json", str(out)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stderr
    rows = json.loads(out.read_text())["rows"]
    assert rows
    for row in rows:
        numbers = [value for value in row.values() if isinstance(value, int | float)]
        assert numbers
        assert min(numbers) >= 0
        assert set(KEYS.get(program, ())) <= set(row)
    assert run.stdout.strip()
