"""What the loader delivers beside a training that occupies the cores, and how long the training waits.

    python benchmarks/loading.py --cases lite0-192 --steps 40 --json out.json

Delivered: batches taken from the loaders as fast as they come, while another process does the bare
passes of the same training without a pause. Consumed: what the same steps take on the idle machine.
Waiting: the share of a run's steps between the end of one step and the arrival of the next batch.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bare_passes import Pass
from interleaving import bare_passes, passes_of
from made_run import CASES, WHOLE_STEPS, Case, made_session
from mutualseg.engine.session import Session
from mutualseg.engine.tracking.run_logger import RunLogger
from mutualseg.engine.trainer import build_trainer, trainer_silenced
from mutualseg.freed_memory import freed_memory_kept
from rows import report

WARM_UP = 10
"""Steps that are not counted: the loader's processes start, and every image is decoded for the first time."""
PATIENCE = 60.0
"""Seconds in which the process that occupies the cores must have ended."""
CACHES = ("memory", "off")


def occupy(case: Case, passes: list[Pass], threads: int, ready: Any, stop: Any) -> None:
    """Do bare passes until told to stop, or until nobody is left to tell."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    with made_session(case, method=WHOLE_STEPS, steps=10, device="cpu") as session, freed_memory_kept("cpu"):
        bare = bare_passes(session, passes)
        bare()
        ready.set()
        while not stop.is_set() and parent is not None and parent.is_alive():
            bare()


@contextmanager
def occupied(case: Case, passes: list[Pass]) -> Iterator[None]:
    """Keep the cores busy with a training's passes."""
    spawn = multiprocessing.get_context("spawn")
    ready, stop = spawn.Event(), spawn.Event()
    busy = spawn.Process(target=occupy, args=(case, passes, torch.get_num_threads(), ready, stop))
    busy.start()
    try:
        while not ready.wait(1.0):
            if not busy.is_alive():
                raise RuntimeError(f"the occupying process ended with {busy.exitcode}")
        yield
    finally:
        stop.set()
        busy.join(PATIENCE)
        busy.terminate()


def delivered(session: Session, steps: int) -> float:
    """Return the batches of both streams that arrive in a second when nobody else asks."""
    streams = session.build_streams(session.build_method())
    batches = iter(streams.train_dataloader())
    for _ in range(WARM_UP):
        next(batches)
    started = time.perf_counter()
    for _ in range(steps):
        next(batches)
    return steps / (time.perf_counter() - started)


class _Clock(pl.Callback):
    """Milliseconds of each step, and of those before it began."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.steps: list[float] = []
        self._ended = time.perf_counter()

    def on_train_batch_start(self, *_: Any) -> None:
        self._started = time.perf_counter()
        self.waits.append(1000 * (self._started - self._ended))

    def on_train_batch_end(self, *_: Any) -> None:
        self._ended = time.perf_counter()
        self.steps.append(1000 * (self._ended - self._started))


def trained(session: Session) -> tuple[float, float]:
    """Run a session's steps; return the milliseconds of one with its wait, and the share of waiting."""
    clock, method = _Clock(), session.build_method()
    with trainer_silenced(), freed_memory_kept(session.settings.device):
        logger = RunLogger(session.folder, session.settings.logger, print, leads=True)
        trainer = build_trainer(session.settings, logger, [clock])
        trainer.fit(session.build_training(method), datamodule=session.build_streams(method))
    waits, steps = sum(clock.waits[WARM_UP:]), sum(clock.steps[WARM_UP:])
    return (waits + steps) / (len(clock.steps) - WARM_UP), waits / (waits + steps)


def row_of(case: Case, cache: str, steps: int) -> dict[str, Any]:
    """Measure one network at one crop."""
    arguments: dict[str, Any] = {"method": WHOLE_STEPS, "device": "cpu", "cache": cache}
    with made_session(case, steps=WARM_UP + steps, **arguments) as session:
        settings, passes = session.settings, passes_of(session)
        step_ms, waiting = trained(session)
    with made_session(case, steps=100 * steps, **arguments) as session, occupied(case, passes):
        per_second = delivered(session, 3 * steps)
    images = settings.batch + settings.unlabeled_batch
    return {
        "case": case.name,
        "cache": cache,
        "workers": 2 * settings.workers,
        "threads": torch.get_num_threads(),
        "step_ms": round(step_ms, 1),
        "waiting_share": round(waiting, 4),
        "consumed_images_per_second": round(1000 * images / step_ms, 1),
        "delivered_images_per_second": round(images * per_second, 1),
        "delivered_over_consumed": round(per_second * step_ms / 1000, 2),
    }


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["lite0-192"])
    parser.add_argument("--steps", type=int, default=20, help="that count, default 20")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    rows = (row_of(CASES[name], cache, options.steps) for name in options.cases for cache in CACHES)
    report(rows, options.json)


if __name__ == "__main__":
    main()
