"""`mutualseg compare --jobs`: the real command with trainings in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.command.conftest import Command
from tests.command.made import SMALL, flags

pytestmark = pytest.mark.slow

WORDS = (
    "--methods",
    "labels_only",
    "mutual",
    *flags({**SMALL, "steps": 2, "workers": 1}, seeds=0, labeled=3),
)


def _runs(out: Path) -> dict[str, Any]:
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return {row["run"]: row for row in record["runs"]}


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Compute with as many threads in this process as each of two at once has: sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
def test_runs_at_once_are_those_of_one_after_another(data: Path, tmp_path: Path, command: Command) -> None:
    compare = ("compare", "--data", data, *WORDS)
    together = command(*compare, "--out", "together", "--jobs", "2")
    assert together.code == 0
    assert together.err.index("run 2 of 2: mutual-3-s0") < together.err.index("labels_only-3-s0: mIoU ")
    assert command(*compare, "--out", "apart", "--quiet").code == 0

    one, other = _runs(tmp_path / "together"), _runs(tmp_path / "apart")
    assert list(one) == list(other)
    for place, row in one.items():
        assert (row["status"], row["networks"]) == ("finished", other[place]["networks"])
    for drawn in ("plot.png", "pictures.png", "table.md", "logs/mutual-3-s0.log"):
        assert (tmp_path / "together" / drawn).stat().st_size > 0

    again = command(*compare, "--out", "together", "--jobs", "2")
    assert (again.code, again.err.count("is finished already")) == (0, 2)


def test_a_budget_is_for_one_run_at_a_time(data: Path, tmp_path: Path, command: Command) -> None:
    refused = command("compare", "--data", data, "--out", "cmp", "--budget", "1min", "--jobs", "2")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "use --steps, or --jobs 1" in refused.err
    assert not (tmp_path / "cmp").exists()
