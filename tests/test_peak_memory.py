"""The most memory that was in use: of this run, not of what was before it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mutualseg.engine import peak_memory
from mutualseg.engine.peak_memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the mark")
def test_peak_counts_from_where_it_is_made() -> None:
    large = np.ones((100, 2**20), np.uint8)
    del large
    memory = PeakMemory("cpu")
    before = memory.megabytes()
    if before is None:
        pytest.skip("this machine does not let a process reset its mark")
    small = np.ones((40, 2**20), np.uint8)
    del small
    after = memory.megabytes()
    assert after is not None
    assert 30 < after - before < 90


def test_unknown_where_it_cannot_be_reset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peak_memory, "_RESET", tmp_path)  # a folder: not writable
    assert PeakMemory("cpu").megabytes() is None
    assert PeakMemory("mps").megabytes() is None
