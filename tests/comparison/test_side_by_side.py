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

from mutualseg import resolving
from mutualseg.comparison import side_by_side
from mutualseg.comparison.lock import locked
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.side_by_side import check_jobs, perform_several
from mutualseg.comparison.stopping import stopping_in_order
from mutualseg.engine.late_signals import LateSignal
from mutualseg.errors import ConfigError, Interrupted, RunError
from tests.comparison import stand_ins
from tests.comparison.test_running import PLANNED

SHARED = Shared(
    **dict.fromkeys(("data", "layout", "network", "encoder", "weights", "device", "precision"), "x"),  # type: ignore[arg-type]  # all of them are texts
    **dict.fromkeys(
        ("group", "steps", "budget", "unlabeled_batch", "evaluate_every", "window", "workers", "ignore")
    ),  # type: ignore[arg-type]  # all of them may be None
    **dict.fromkeys(("split_seed", "batch", "accumulate", "crop", "channels"), 1),  # type: ignore[arg-type]  # all of them are numbers
    unlabeled=[],
    cache="auto",
    checkpoint_every=5,
    quiet=True,
)
RUNS = [replace(PLANNED, seed=seed) for seed in range(4)]

pytestmark = pytest.mark.slow  # each process imports torch


def performed(
    runs: list[PlannedRun], out: Path, train: Any, at_once: list[int] | None = None
) -> dict[int, dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    begun = 0
    with closing(perform_several(runs, out, SHARED, train, jobs=2)) as events:
        for run, row in events:
            if row is None:
                begun += 1
            else:
                rows[run.seed] = row
            if at_once is not None:
                at_once.append(begun - len(rows))
    return rows


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # one that nobody has asked for yet


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
    at_once: list[int] = []
    rows = performed(RUNS, tmp_path, stand_ins.train, at_once)

    assert at_once[:2] == [1, 2]  # the second begins before the first has ended
    assert {seed: (row["status"], row["miou"]) for seed, row in rows.items()} == {
        seed: ("finished", 40.0 + seed) for seed in range(4)
    }
    summaries = [json.loads((tmp_path / run.place / "summary.json").read_text()) for run in RUNS]
    assert len({summary["process"] for summary in summaries} - {os.getpid()}) == 4
    times = [(summary["facts"]["began"], summary["facts"]["ended"]) for summary in summaries]
    assert max(sum(began <= moment <= ended for began, ended in times) for moment, _ in times) <= 2
    for run, summary in zip(RUNS, summaries, strict=True):
        assert summary["facts"]["threads"] == max(1, torch.get_num_threads() // 2)
        assert summary["facts"]["cache"] == "auto"
        assert summary["facts"]["workers"] == resolving.default_workers(2)
        said = (tmp_path / "logs" / f"{run.name}.log").read_text()
        assert said.splitlines()[0] == f"seed {run.seed} speaks"


def test_a_failure_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    rows = performed([*RUNS, replace(PLANNED, seed=4)], tmp_path, stand_ins.fail_variously)

    assert [rows[seed]["status"] for seed in range(5)] == [*["failed"] * 4, "finished"]
    assert rows[0]["reason"] == "The loss became infinite; lower the rates."
    assert rows[1]["reason"].startswith("ZeroDivisionError: division by zero; the traceback is in runs/")
    assert rows[2]["reason"] == ("Its process was ended by SIGKILL; what it said is in logs/mutual-0-s2.log.")
    assert rows[3]["reason"] == "It was stopped by SIGTERM and saved; the same command goes on with it."


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


class Comparing(subprocess.Popen[bytes]):
    """`performed` in a process and a session of its own, to send signals to."""

    def __init__(self, out: Path, stand_in: str) -> None:
        root = Path(__file__).parents[2]
        super().__init__([sys.executable, "-m", __name__, out, stand_in], cwd=root, start_new_session=True)

    def __exit__(self, *error: Any) -> None:
        self.kill()
        super().__exit__(*error)


def test_a_second_ctrl_c_waits_for_nobody(tmp_path: Path) -> None:
    with Comparing(tmp_path, "be_deaf") as comparing:
        processes = processes_of(tmp_path, 2)
        comparing.send_signal(signal.SIGINT)
        time.sleep(1)
        assert comparing.poll() is None  # it waits for them
        comparing.send_signal(signal.SIGINT)
        assert comparing.wait(timeout=60) == 3
        assert "since its last checkpoint is lost" in (tmp_path / "advice").read_text()
        assert not any(alive(process) for process in processes)


def test_signals_to_the_whole_group_stop_all_saved_however_often_they_come(tmp_path: Path) -> None:
    with Comparing(tmp_path, "save_slowly_when_told") as comparing:
        processes = processes_of(tmp_path, 2)
        for _ in range(2):  # as `timeout` does
            os.killpg(comparing.pid, signal.SIGTERM)
            time.sleep(0.3)
        assert comparing.wait(timeout=60) == 3
        assert "what was trained is saved" in (tmp_path / "advice").read_text()
        assert all((tmp_path / run.place / "saved").is_file() for run in RUNS[:2])
        assert not any(alive(process) for process in processes)


def test_runs_of_a_killed_comparison_save_and_hold_the_folder_until_they_have(tmp_path: Path) -> None:
    with Comparing(tmp_path, "save_slowly_when_told") as comparing:
        processes = processes_of(tmp_path, 2)
        comparing.kill()
        comparing.wait()
        with pytest.raises(RunError, match="Another compare is at work"), locked(tmp_path):
            pass
        wait_until(lambda: not any(alive(process) for process in processes))
        assert all((tmp_path / run.place / "saved").is_file() for run in RUNS[:2])
        with locked(tmp_path):
            pass


@pytest.mark.parametrize(("given", "fit", "expected"), [("auto", False, "off"), ("memory", False, "memory")])
def test_stores_that_do_not_fit_together_are_left_out_unless_asked_for(
    given: str, fit: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "fit_in_memory", lambda *images, stores: fit)
    shared = replace(SHARED, cache=given)
    with closing(perform_several(RUNS[:1], tmp_path, shared, stand_ins.train, jobs=2)) as events:
        assert [row is None for _, row in events] == [True, False]
    summary = json.loads((tmp_path / RUNS[0].place / "summary.json").read_text())
    assert summary["facts"]["cache"] == expected


def test_a_process_that_cannot_begin_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    rows = performed(RUNS[:2], tmp_path, stand_ins.train)
    assert {row["reason"].partition(";")[0] for row in rows.values()} == {"Its process ended with code 1"}


def test_nothing_in_the_current_folder_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit(7)")
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *(path for path in sys.path if path)])
    monkeypatch.chdir(tmp_path)
    rows = performed(RUNS[:1], tmp_path / "out", stand_ins.train)
    assert rows[0]["status"] == "finished", rows[0]["reason"]


def compare_until_stopped(out: Path, stand_in: str) -> None:
    """Perform runs in this process, whose exit code is 3 when a signal has stopped it."""
    try:
        with locked(out) as lock, stopping_in_order(LateSignal()):
            events = perform_several(RUNS, out, SHARED, getattr(stand_ins, stand_in), jobs=2, lock=lock)
            with closing(events):
                list(events)
    except Interrupted as stopped:
        (out / "advice").write_text(stopped.advice)
        sys.exit(3)


if __name__ == "__main__":
    compare_until_stopped(Path(sys.argv[1]), sys.argv[2])
