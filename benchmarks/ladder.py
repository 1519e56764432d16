"""How the time and memory of a mutual step grow with what is trained: one thing at a time.

Each row is a whole step on a fixed batch (networks, losses, augmentation, optimizer, teachers; no
loader), in turns with the step that all rows vary, so that a busy machine slows both; its memory is that
of a process of its own. The augmentation's rows are one network's alone, both passes.

    python benchmarks/ladder.py --rounds 5 --json out.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from interleaving import SHARE, WARM_UP
from made_run import CASES, WHOLE_STEPS, Case, made_session
from mutualseg.devices import resolve_device
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.types import BranchOutput
from parts import median_ms
from peak_memory import peak_megabytes
from rows import report
from training_step import FOR_MEMORY

GRID = 48
"""Side of the decoder's grid for the augmentation's rows: that of a crop of 192."""
IMAGES = 8
"""Labeled and unlabeled, for the augmentation's rows."""


@dataclass(frozen=True)
class Rung:
    """One step to measure."""

    varied: str
    value: int
    case: Case
    batch: int = 4
    unlabeled_batch: int = 4


def rungs(base: Rung) -> Iterator[Rung]:
    """Yield what is measured: the base with one thing changed."""
    case = base.case
    for crop in (128, 256, 320):
        yield replace(base, varied="crop", value=crop, case=replace(case, crop=crop))
    for batch in (2, 8):
        yield replace(base, varied="batch of each", value=batch, batch=batch, unlabeled_batch=batch)
    for unlabeled in (8, 16):
        yield replace(base, varied="unlabeled batch", value=unlabeled, unlabeled_batch=unlabeled)
    for classes in (2, 21, 150):
        yield replace(base, varied="classes", value=classes, case=replace(case, num_classes=classes))


@contextmanager
def steps_of(rung: Rung, device: str) -> Iterator[Callable[[], float]]:
    """Yield a step that returns its own milliseconds."""
    options = {"batch": rung.batch, "unlabeled_batch": rung.unlabeled_batch}
    with made_session(rung.case, method=WHOLE_STEPS, steps=2, device=device, **options) as session:
        method = session.build_method()
        training, streams = session.build_training(method), session.build_streams(method)
        step = SampleSteps(training, streams, device=device, precision=session.settings.precision)

        def timed() -> float:
            started = time.perf_counter()
            step(SHARE)
            return 1000 * (time.perf_counter() - started)

        yield timed


def run_steps(rung: Rung, device: str) -> None:
    """Run steps, for their memory."""
    with freed_memory_kept(device), steps_of(rung, device) as step:
        for _ in range(FOR_MEMORY):
            step()


def augmentation_ms(classes: int, features: int, device: str) -> float:
    """Return the median milliseconds of one network's statistics and augmented logits, both passes."""
    shape = (IMAGES, classes, GRID, GRID)
    maps = torch.randn(IMAGES, features, GRID, GRID, device=device)
    maps = maps.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(classes, features, device=device)
    logits = torch.randn(shape, device=device).requires_grad_()
    labels = torch.randint(0, classes, (IMAGES // 2, GRID, GRID), device=device)
    branch = BranchOutput(logits, maps, weight, ClassStatistics(classes, features).to(device))
    return median_ms(lambda: perturb(branch, labels, 1.0).sum().backward(), device)


def rows_of(case: Case, device: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield one row after the other."""
    base = Rung("nothing", 0, case)
    yield {"varied": "nothing", "peak_mb": peak_megabytes(run_steps, base, device, device=device)}
    with freed_memory_kept(device), steps_of(base, device) as base_step:
        for rung in rungs(base):
            with steps_of(rung, device) as step:
                pairs = [(base_step(), step()) for _ in range(WARM_UP + rounds)][WARM_UP:]
            yield {
                "varied": rung.varied,
                "value": rung.value,
                "base_ms": round(statistics.median(base for base, _ in pairs), 1),
                "step_ms": round(statistics.median(own for _, own in pairs), 1),
                "ratio": round(statistics.median(own / base for base, own in pairs), 3),
                "peak_mb": peak_megabytes(run_steps, rung, device, device=device),
            }
        for classes, features in ((11, 64), (11, 256), (11, 1024), (21, 256), (150, 256)):
            milliseconds = augmentation_ms(classes, features, device)
            yield {"augmentation": f"K={classes}, D={features}", "ms": round(milliseconds, 2)}


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--case", choices=CASES, default="lite0-192")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="that count, default 5")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    device = resolve_device(options.device)
    report(rows_of(CASES[options.case], device, options.rounds), options.json)


if __name__ == "__main__":
    main()
