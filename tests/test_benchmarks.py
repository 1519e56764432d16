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
    "semantic_augmentation": ["--images", "2", "--side", "8", "--features", "16", "--rounds", "1"],
    "data_path": ["--largest", "1000"],
}


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_writes_its_rows(program: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    run = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{program}.py"), *PROGRAMS[program], "--json", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    rows = json.loads(out.read_text())["rows"]
    assert rows
    numbers = [value for row in rows for value in row.values() if isinstance(value, int | float)]
    assert numbers
    assert all(value >= 0 for value in numbers)
    assert run.stdout.strip()
