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
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import torch

from mutualseg import resolving
from mutualseg.comparison.job import Order
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.running import Train, unfinished_row
from mutualseg.comparison.shared import Shared
from mutualseg.data.cache_choice import fit_in_memory
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.engine.preparation import require_at_least
from mutualseg.errors import ConfigError, Interrupted

LOGS = "logs"
"""Folder, below that of the comparison, of what each run said."""


@dataclass(frozen=True)
class _Job:
    run: PlannedRun
    process: subprocess.Popen[bytes]
    row: IO[bytes]
    """Pipe from which the run's row is read; it ends when the process does."""


def check_jobs(jobs: int, budget: str | None) -> None:
    """Raise ConfigError for a number of jobs that cannot be, or that would not be fair."""
    require_at_least(jobs=(jobs, 1))
    if jobs > 1 and budget is not None:
        raise ConfigError(
            "--budget gives each run the same time, which runs at once take from each other; "
            "use --steps, or --jobs 1."
        )


def perform_several(
    runs: Iterable[PlannedRun],
    out: Path,
    shared: Shared,
    train: Train,
    *,
    jobs: int,
    lock: int | None = None,
    images: ImageCode = RGB,
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
        images: how images are read.
    """
    waiting, running = list(runs), list[_Job]()
    ours = _fair_share(shared, waiting, jobs, images)
    threads = max(1, torch.get_num_threads() // jobs)
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    life, ours_alone = os.pipe()

    def fill() -> Generator[tuple[PlannedRun, None], None, None]:
        while waiting and len(running) < jobs:
            run = waiting.pop(0)
            running.append(_begin(Order(run, out, ours, train), threads, life, lock))
            yield run, None

    try:
        yield from fill()
        while running:
            job = _next_to_end(running)
            row = _row_of(job)
            running.remove(job)
            yield from fill()  # before others make use of the row, which may take a while
            yield job.run, row
    finally:
        os.close(ours_alone)  # tells all of them, also one that a signal kept from being noted down
        os.close(life)
        _stop(running)


def _fair_share(shared: Shared, runs: Sequence[PlannedRun], jobs: int, images: ImageCode) -> Shared:
    """Return the arguments of runs of which several share the machine."""
    workers, cache = shared.workers, shared.cache
    if workers is None:
        workers = resolving.default_workers(jobs)
    if cache == resolving.AUTO and runs:
        split = max((run.amount.split for run in runs), key=lambda split: len(split.labeled))
        # Each would take half of the memory that is free when it begins.
        cache = cache if fit_in_memory(split.labeled, split.unlabeled, images, stores=jobs) else "off"
    return replace(shared, workers=workers, cache=cache, quiet=False)  # it is a log that they speak to


def _begin(order: Order, threads: int, life: int, lock: int | None) -> _Job:
    """Start a process that performs a run.

    Args:
        order: what is to be done.
        threads: that it computes with.
        life: descriptor of a pipe that ends with this process.
        lock: see `perform_several`.
    """
    environment = {
        **os.environ,
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)),
        # It finds what this process finds, and nothing in a folder that happens to be the current one (-P).
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
    }
    result, theirs = os.pipe()
    command = [sys.executable, "-P", "-m", "mutualseg.comparison.job", str(life), str(theirs)]
    log = order.out / LOGS / f"{order.run.name}.log"
    try:
        with TemporaryFile() as told, log.open("ab") as said:
            pickle.dump(order, told)
            told.seek(0)
            process = subprocess.Popen(
                command,
                stdin=told,
                stdout=said,
                stderr=said,
                env=environment,
                pass_fds=(life, theirs) if lock is None else (life, theirs, lock),
                start_new_session=True,  # Ctrl-C is for this process, which stops that one in order
            )
    finally:
        os.close(theirs)
    return _Job(order.run, process, os.fdopen(result, "rb"))


def _next_to_end(jobs: Sequence[_Job]) -> _Job:
    """Wait until one of the runs sends its row or ends without."""
    with selectors.DefaultSelector() as selector:
        for job in jobs:
            selector.register(job.row, selectors.EVENT_READ, job)
        found: _Job = selector.select()[0][0].data
        return found


def _row_of(job: _Job) -> dict[str, Any]:
    """Return the row that a process sends, or one that says how it ended without."""
    with job.row as pipe:
        sent = pipe.read()
    code = job.process.wait()
    if sent and code == 0:
        row: dict[str, Any] = pickle.loads(sent)
        return row
    said = f"what it said is in {LOGS}/{job.run.name}.log"
    if code > 128 and code - 128 in set(signal.Signals):
        name = signal.Signals(code - 128).name
        reason = f"It was stopped by {name} and saved; the same command goes on with it."
    elif code < 0:
        reason = f"Its process was ended by {signal.Signals(-code).name}; {said}."
    else:
        reason = f"Its process ended with code {code}; {said}."
    return unfinished_row(job.run, "failed", reason)


def _stop(jobs: Sequence[_Job]) -> None:
    """End processes in order: they save. Ctrl-C meanwhile ends them at once; other signals change nothing.

    Raises:
        KeyboardInterrupt: Ctrl-C came, and they have not saved.
    """
    hurried = False
    while True:
        try:
            for job in jobs:
                job.process.kill() if hurried else job.process.terminate()
            for job in jobs:
                job.process.wait()
            break
        except Interrupted as again:
            hurried |= str(again) == signal.SIGINT.name
    for job in jobs:
        job.row.close()
    if hurried:
        raise KeyboardInterrupt from None
