"""`make soak`: a real process killed at moments nobody chose, again and again."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.command.made import PROGRAM, flags
from tests.command.test_train import assert_equal_runs

pytestmark = pytest.mark.soak

KILLS = 6
DEADLINE_SECONDS = 900.0


def test_killed_runs_end_like_undisturbed_ones(data: Path, tmp_path: Path) -> None:
    options = flags(steps=120, evaluate_every=60, workers=1)
    burn_in = ("--method.burn_in", "0.2")
    words = [*PROGRAM, "train", "--data", str(data), *options, *burn_in, "--checkpoint-every", "1"]
    subprocess.run([*words, "--out", "straight"], cwd=tmp_path, check=True, capture_output=True)

    chance = random.Random(0)
    deadline = time.monotonic() + DEADLINE_SECONDS
    command, kills = [*words, "--out", "killed"], 0
    while time.monotonic() < deadline:
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        try:
            # Long enough to start, and to get some steps further each time.
            _, said = process.communicate(timeout=chance.uniform(15, 25) if kills < KILLS else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        else:
            assert process.returncode == 0, said
            break
        if (tmp_path / "killed/checkpoints/last.ckpt").is_file():
            command = [*PROGRAM, "train", "--resume", "killed"]
        else:
            command = [*words, "--out", "killed", "--overwrite"]
    assert kills > 0, "the machine was too fast to be killed: raise the steps"
    assert_equal_runs(tmp_path / "straight", tmp_path / "killed")
