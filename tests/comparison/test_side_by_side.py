"""Runs in processes of their own: how many at once, what becomes of failures, how they are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.side_by_side import check_jobs, perform_several
from mutualseg.comparison.stopping import stopping_in_order
from mutualseg.engine.signals import LateSignal
from mutualseg.errors import ConfigError, Interrupted
from tests.comparison import stand_ins
from tests.comparison.test_running import PLANNED

SHARED = Shared(
    **dict.fromkeys(("data", "network", "encoder", "weights", "device", "precision"), "x"),  # type: ignore[arg-type]  # all of them are texts
    **dict.fromkeys(("group", "steps", "budget", "unlabeled_batch", "evaluate_every", "workers")),  # type: ignore[arg-type]  # all of them may be None
    **dict.fromkeys(("split_seed", "batch", "accumulate", "crop"), 1),  # type: ignore[arg-type]  # all of them are numbers
    unlabeled=[],
    cache="auto",
    checkpoint_every=5,
    quiet=True,
)
RUNS = [replace(PLANNED, seed=seed) for seed in range(4)]

pytestmark = pytest.mark.slow  # each process imports what a training needs


def performed(runs: list[PlannedRun], out: Path, train: Any) -> dict[int, dict[str, Any]]:
    rows = {}
    with closing(perform_several(runs, out, SHARED, train, jobs=2)) as events:
        for run, row in events:
            if row is not None:
                rows[run.seed] = row
    return rows


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it took more than a minute"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("jobs", "budget", "said"), [(0, None, "--jobs 0 is too small"), (2, "20min", "use --steps, or --jobs 1")]
)
def test_what_cannot_be_is_refused(jobs: int, budget: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_jobs(jobs, budget)
    check_jobs(1, "20min")
    check_jobs(3, None)


def test_all_are_performed_two_at_a_time_in_processes_of_their_own(tmp_path: Path) -> None:
    rows = performed(RUNS, tmp_path, stand_ins.train)

    assert {seed: (row["status"], row["miou"]) for seed, row in rows.items()} == {
        seed: ("finished", 40.0 + seed) for seed in range(4)
    }
    summaries = [json.loads((tmp_path / run.place / "summary.json").read_text()) for run in RUNS]
    assert len({summary["process"] for summary in summaries} - {os.getpid()}) == 4
    times = [(summary["facts"]["began"], summary["facts"]["ended"]) for summary in summaries]
    at_once = [sum(began <= moment <= ended for began, ended in times) for moment, _ in times]
    assert max(at_once) <= 2
    for run, summary in zip(RUNS, summaries, strict=True):
        assert summary["facts"]["threads"] == max(1, torch.get_num_threads() // 2)
        assert (summary["facts"]["cache"], summary["facts"]["workers"]) == ("file", 1)
        said = (tmp_path / "logs" / f"{run.name}.log").read_text()
        assert said.splitlines()[0] == f"seed {run.seed} speaks"


def test_a_failure_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    rows = performed(RUNS, tmp_path, stand_ins.fail_variously)

    assert [rows[seed]["status"] for seed in range(4)] == ["failed", "failed", "failed", "finished"]
    assert rows[0]["reason"] == "The loss became infinite; lower the rates."
    assert rows[1]["reason"].startswith("ZeroDivisionError: division by zero; the traceback is in runs/")
    assert rows[2]["reason"] == ("Its process was ended by SIGKILL; what it said is in logs/mutual-0-s2.log.")


def processes_of(out: Path, count: int) -> list[int]:
    """Return the processes of so many stand-ins, once all of them have begun."""
    found = [out / run.place / "process" for run in RUNS[:count]]
    wait_until(lambda: all(path.is_file() and path.read_text() for path in found))
    return [int(path.read_text()) for path in found]


def test_a_signal_stops_all_of_them_saved(tmp_path: Path) -> None:
    late = LateSignal()

    def send() -> None:
        processes_of(tmp_path, 2)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(Interrupted) as stopped, stopping_in_order(late):
        performed(RUNS, tmp_path, stand_ins.save_when_told)
    sender.join()
    assert "what was trained is saved" in stopped.value.advice
    assert [(tmp_path / run.place / "saved").is_file() for run in RUNS] == [True, True, False, False]
    assert not any(alive(process) for process in processes_of(tmp_path, 2))


def test_a_second_signal_waits_for_nobody(tmp_path: Path) -> None:
    def send() -> None:
        processes_of(tmp_path, 2)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(Interrupted) as stopped, stopping_in_order(LateSignal()):
        performed(RUNS, tmp_path, stand_ins.be_deaf)
    sender.join()
    assert "since its last checkpoint is lost" in stopped.value.advice
    assert not any(alive(process) for process in processes_of(tmp_path, 2))


def test_runs_save_when_the_comparison_is_killed(tmp_path: Path) -> None:
    comparing = subprocess.Popen([sys.executable, "-m", __name__, tmp_path], cwd=Path(__file__).parents[2])
    processes = processes_of(tmp_path, 2)
    comparing.kill()
    comparing.wait()
    wait_until(lambda: not any(alive(process) for process in processes))
    assert all((tmp_path / run.place / "saved").is_file() for run in RUNS[:2])


if __name__ == "__main__":
    performed(RUNS, Path(sys.argv[1]), stand_ins.save_when_told)
