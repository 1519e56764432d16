"""`compare --jobs N`: several runs at once, each in a process of its own.

A small network leaves most of a GPU idle: what takes the time is starting its many short computations, and
other processes can start theirs meanwhile.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from mutualseg import resolving
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.running import Train, perform, unfinished_row
from mutualseg.comparison.shared import Shared
from mutualseg.errors import ConfigError, Interrupted

LOGS = "logs"
"""Folder, below that of the comparison, of what each run said."""


@dataclass(frozen=True)
class _Job:
    run: PlannedRun
    process: BaseProcess
    result: Connection
    """Gives the row of the run, if its process lives to send it."""


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
    runs: Iterable[PlannedRun], out: Path, shared: Shared, train: Train, *, jobs: int
) -> Generator[tuple[PlannedRun, dict[str, Any] | None], None, None]:
    """Yield each run when it begins, with None, and when it has ended, with its row.

    To be closed: what is still running is then stopped in order, and saves.

    Args:
        runs: in the order in which they begin.
        out: folder of the comparison.
        shared: arguments of every run.
        train: `mutualseg.train`.
        jobs: how many run at once.
    """
    context = _context()
    ours = replace(
        shared,
        quiet=False,  # it is a log that they speak to
        workers=resolving.default_workers(jobs) if shared.workers is None else shared.workers,
        # Stores of several runs in memory could outgrow it; the system takes back what it keeps of a file.
        cache="file" if shared.cache == resolving.AUTO else shared.cache,
    )
    threads = max(1, torch.get_num_threads() // jobs)
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    waiting, running = list(runs), list[_Job]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                running.append(_begin(context, run, out, ours, train, threads))
                yield run, None
            wait([job.process.sentinel for job in running])
            for job in [job for job in running if not job.process.is_alive()]:
                running.remove(job)
                yield job.run, _row_of(job)
    finally:
        _stop(running)


def _context() -> BaseContext:
    """Return a way to begin processes that inherit nothing, so that CUDA works in them."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mutualseg.engine.session"])  # libraries are imported once for all
    return context


def _begin(context: Any, run: PlannedRun, out: Path, shared: Shared, train: Train, threads: int) -> _Job:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(run, out, shared, train, threads, sender), name=run.name)
    process.start()
    sender.close()
    return _Job(run, process, receiver)


def _work(run: PlannedRun, out: Path, shared: Shared, train: Train, threads: int, result: Connection) -> None:
    """Perform one run; this is all that its process does."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for the process that compares, which stops this one in order
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = (out / LOGS / f"{run.name}.log").open("a")
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log.fileno(), stream.fileno())
    torch.set_num_threads(threads)
    try:
        result.send(perform(run, out, shared, train))
    except Interrupted:
        sys.exit(128 + signal.SIGTERM)


def _end_with_parent() -> None:
    """Stop this process in order once the one that compares is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _row_of(job: _Job) -> dict[str, Any]:
    """Return the row that a process has sent, or one that says how it ended without."""
    job.process.join()
    if job.result.poll():
        try:
            row: dict[str, Any] = job.result.recv()
            return row
        except EOFError:
            pass
    code = job.process.exitcode or 0
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
    return unfinished_row(
        job.run, "failed", f"Its process was ended {how}; what it said is in {LOGS}/{job.run.name}.log."
    )


def _stop(jobs: Sequence[_Job]) -> None:
    """End processes in order; a further signal ends them at once."""
    for job in jobs:
        job.process.terminate()
    try:
        for job in jobs:
            job.process.join()
    except Interrupted:
        for job in jobs:
            job.process.kill()
            job.process.join()
        raise KeyboardInterrupt from None  # they have not saved
