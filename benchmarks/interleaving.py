"""Time a run's steps and bare passes of the same networks in turns, so that a busy machine slows both."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from bare_passes import BarePasses, Pass, recorded
from mutualseg.engine.sample_steps import SampleSteps, wait_for
from mutualseg.engine.session import Session
from mutualseg.engine.tracking.run_logger import RunLogger
from mutualseg.engine.trainer import build_trainer, trainer_silenced
from mutualseg.freed_memory import freed_memory_kept

WARM_UP = 2
"""Rounds that are not counted: first batches fill caches, and optimizers make their state."""
SHARE = 0.75
"""Where in a run the measured steps stand: all terms are on."""


@dataclass
class Rounds:
    """Milliseconds of each counted round."""

    step: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    loader_cpu: list[float] = field(default_factory=list)
    """CPU time of the loader's processes from one step to the next."""

    @property
    def ratio(self) -> float:
        """Median over rounds of step / bare."""
        return statistics.median(step / bare for step, bare in zip(self.step, self.bare, strict=True))


def passes_of(session: Session) -> list[Pass]:
    """Return which passes one step of a session's method makes."""
    method = session.build_method()
    settings = session.settings
    step = SampleSteps(
        session.build_training(method),
        session.build_streams(method),
        device=settings.device,
        precision=settings.precision,
    )
    with recorded(method) as passes:
        step(SHARE)
    return passes


def bare_passes(session: Session, passes: list[Pass]) -> BarePasses:
    """Return those passes over fresh networks, ready to run."""
    method = session.build_method()
    return BarePasses(
        method,
        passes,
        session.build_training(method).optimization,
        device=session.settings.device,
        precision=session.settings.precision,
    )


def measure(session: Session, passes: list[Pass]) -> Rounds:
    """Run a session's real steps (loader, trainer, method, optimizer, teachers), bare passes in between.

    Args:
        session: of `WARM_UP` steps and as many more as shall count, all alike: no burn-in, ramp or cooldown.
        passes: of one such step.
    """
    timed = _Interleaved(bare_passes(session, passes), session.settings.device)
    method = session.build_method()
    with trainer_silenced(), freed_memory_kept(session.settings.device):
        logger = RunLogger(session.folder, session.settings.logger, print, leads=True)
        trainer = build_trainer(session.settings, logger, [timed])
        trainer.fit(session.build_training(method), datamodule=session.build_streams(method))
    found = timed.rounds
    return Rounds(*(values[WARM_UP:] for values in (found.step, found.bare, found.loader_cpu)))


class _Interleaved(pl.Callback):
    def __init__(self, bare: BarePasses, device: str) -> None:
        self.bare, self.device = bare, device
        self.rounds = Rounds()
        self._resumed = self._loader_cpu = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._resume()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note what the step took, with the wait for its batch; then run the bare passes."""
        wait_for(self.device)
        stepped = time.perf_counter()
        self.rounds.step.append(1000 * (stepped - self._resumed))
        self.bare()
        wait_for(self.device)
        self.rounds.bare.append(1000 * (time.perf_counter() - stepped))
        self.rounds.loader_cpu.append(1000 * (_children_cpu_seconds() - self._loader_cpu))
        self._resume()

    def _resume(self) -> None:
        self._loader_cpu = _children_cpu_seconds()
        self._resumed = time.perf_counter()


def _children_cpu_seconds() -> float:
    """Return the CPU time of the living child processes, the loader's workers; 0 where /proc is missing."""
    ticks = 0
    for child in multiprocessing.active_children():
        status = Path(f"/proc/{child.pid}/stat")
        if status.is_file():
            after_name = status.read_text().rpartition(")")[2].split()
            ticks += int(after_name[11]) + int(after_name[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")
