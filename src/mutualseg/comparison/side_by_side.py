"""`compare --jobs N`: several runs at once, each in a process of its own.

A small network leaves most of a GPU idle: what takes the time is starting its many short computations, and
other processes can start theirs meanwhile.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mutualseg import resolving
from mutualseg.comparison.job import Order
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.running import Train, unfinished_row
from mutualseg.comparison.shared import Shared
from mutualseg.data.cache_choice import fit_in_memory
from mutualseg.errors import ConfigError, Interrupted

LOGS = "logs"
"""Folder, below that of the comparison, of what each run said."""


@dataclass(frozen=True)
class _Job:
    run: PlannedRun
    process: subprocess.Popen[bytes]
    """Sends the run's row and closes its standard output; stops when its standard input is closed."""


def check_jobs(jobs: int, budget: str | None) -> None:
    """Raise ConfigError for a number of jobs that cannot be, or that would not be fair."""
    if jobs < 1:
        raise ConfigError(f"--jobs {jobs} is too small; give at least 1.")
    if jobs > 1 and budget is not None:
        raise ConfigError(
            "--budget gives each run the same time, which runs at once take from each other; "
            "use --steps, or --jobs 1."
        )


def perform_several(
    runs: Iterable[PlannedRun], out: Path, shared: Shared, train: Train, *, jobs: int, lock: int | None = None
) -> Generator[tuple[PlannedRun, dict[str, Any] | None], None, None]:
    """Yield each run when it begins, with None, and when it has ended, with its row.

    To be closed: what is still running is then stopped in order, and saves.

    Args:
        runs: in the order in which they begin.
        out: folder of the comparison.
        shared: arguments of every run.
        train: `mutualseg.train`.
        jobs: how many run at once.
        lock: descriptor of the folder's lock. Each run has it too, so that nobody else begins here before
            the last of them has ended, even if the process that compares is killed.
    """
    waiting, running = list(runs), list[_Job]()
    ours = _fair_share(shared, waiting, jobs)
    threads = max(1, torch.get_num_threads() // jobs)
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                running.append(_begin(Order(run, out, ours, train), threads, lock))
                yield run, None
            job = _next_to_end(running)
            row = _row_of(job)
            running.remove(job)
            yield job.run, row
    finally:
        _stop(running)


def _fair_share(shared: Shared, runs: Sequence[PlannedRun], jobs: int) -> Shared:
    """Return the arguments of runs of which several share the machine."""
    workers, cache = shared.workers, shared.cache
    if workers is None:
        workers = resolving.default_workers(jobs)
    if cache == resolving.AUTO and runs:
        split = runs[0].amount.split  # others divide the same images otherwise
        # Each would take half of the memory that is free when it begins.
        cache = cache if fit_in_memory(split.labeled, split.unlabeled, stores=jobs) else "off"
    return replace(shared, workers=workers, cache=cache, quiet=False)  # it is a log that they speak to


def _begin(order: Order, threads: int, lock: int | None) -> _Job:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # it finds what this process finds
    }
    with (order.out / LOGS / f"{order.run.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mutualseg.comparison.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            pass_fds=() if lock is None else (lock,),
            start_new_session=True,  # Ctrl-C is for this process, which stops that one in order
        )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended already: that is seen when its row is read
        pickle.dump(order, process.stdin)
        process.stdin.flush()
    return _Job(order.run, process)


def _next_to_end(jobs: Sequence[_Job]) -> _Job:
    """Wait until one of the runs sends its row or ends without."""
    with selectors.DefaultSelector() as selector:
        for job in jobs:
            assert job.process.stdout is not None
            selector.register(job.process.stdout, selectors.EVENT_READ, job)
        found: _Job = selector.select()[0][0].data
        return found


def _row_of(job: _Job) -> dict[str, Any]:
    """Return the row that a process sends, or one that says how it ended without."""
    assert job.process.stdout is not None
    sent = job.process.stdout.read()
    code = _ended(job)
    if sent:
        row: dict[str, Any] = pickle.loads(sent)
        return row
    number = -code if code < 0 else code - 128  # a run that a signal stopped in order exits so
    known = number in set(signal.Signals)
    how = f"by {signal.Signals(number).name}" if known else f"with code {code}"
    return unfinished_row(
        job.run, "failed", f"Its process was ended {how}; what it said is in {LOGS}/{job.run.name}.log."
    )


def _stop(jobs: Sequence[_Job]) -> None:
    """End processes in order: they save. Ctrl-C meanwhile ends them at once; other signals change nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and they have not saved.
    """
    left = list(jobs)
    while left:
        try:
            for job in left:
                job.process.terminate()
            while left:
                _ended(left[0])
                left.pop(0)
        except Interrupted as again:
            if str(again) != signal.SIGINT.name:
                continue
            for job in left:
                job.process.kill()
                _ended(job)
            raise KeyboardInterrupt from None


def _ended(job: _Job) -> int:
    """Wait for the end of a process, and return its exit code."""
    code = job.process.wait()
    for pipe in (job.process.stdin, job.process.stdout):
        assert pipe is not None
        with suppress(BrokenPipeError):  # what it never read
            pipe.close()
    return code
