"""The comparison of runs that soak programs rest on, and what they count as lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

SOAK = Path(__file__).parents[1] / "soak"


@pytest.fixture(autouse=True)
def _on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOAK))


def write_run(root: Path, **state: Any) -> Path:
    """Write what is compared of a run; `state` is its guard's."""
    (root / "checkpoints").mkdir(parents=True)
    for name in ("metrics.csv", "monitor.csv", "config.yaml", "split.json"):
        (root / name).write_text("same")
    callbacks = {"Guard": state, "Clock": {"started": float(len(root.name)), "training_seconds": 1.0}}
    held = {"state_dict": {}, "optimizer_states": [], "lr_schedulers": [], "global_step": 4}
    torch.save({**held, "callbacks": callbacks}, root / "checkpoints/last.ckpt")
    return root


def test_what_callbacks_hold_counts_but_times_do_not(tmp_path: Path) -> None:
    from equal_runs import differences

    one, alike = write_run(tmp_path / "one", rollbacks=1), write_run(tmp_path / "alike", rollbacks=1)
    assert differences(one, alike) == []
    assert differences(one, write_run(tmp_path / "other", rollbacks=2)) == ["callbacks"]


def test_sigterm_may_lose_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import kills

    monkeypatch.setattr(kills, "is_sound", lambda _: True)
    run = write_run(tmp_path / "run")
    assert kills._lost(run, 4, bearable=0) == (0, [])
    assert kills._lost(run, 6, bearable=kills.EVERY) == (2, [])
    assert kills._lost(run, 6, bearable=0) == (2, ["said step 6, but its checkpoint is of step 4"])
