"""How the time and memory of a mutual step grow with what is trained: one thing at a time.

Each row is a whole step on a fixed batch (networks, losses, augmentation, optimizer, teachers; no
loader), in a process of its own. The augmentation's rows are one network's alone, both passes.

    python benchmarks/ladder.py --rounds 5 --json out.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from interleaving import SHARE, WARM_UP
from made_run import CASES, Case, made_session
from mutualseg.devices import resolve_device
from mutualseg.engine.sample_steps import SampleSteps, wait_for
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.types import BranchOutput
from peak_memory import peak_megabytes

METHOD = {"name": "mutual", "burn_in": 0.0, "ramp": 0.0}
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


def rungs(case: Case) -> Iterator[Rung]:
    """Yield what is measured, from a case at batches of 4 and 4."""
    for crop in (128, 192, 256, 320):
        yield Rung("crop", crop, replace(case, crop=crop))
    for batch in (2, 8):
        yield Rung("batch of each", batch, case, batch, batch)
    for unlabeled in (8, 16):
        yield Rung("unlabeled batch", unlabeled, case, unlabeled_batch=unlabeled)
    for classes in (2, 21, 150):
        yield Rung("classes", classes, replace(case, num_classes=classes))


def run_steps(rung: Rung, device: str, rounds: int) -> list[float]:
    """Return the milliseconds of each counted step."""
    times = []
    options = {"unlabeled_batch": rung.unlabeled_batch}
    with (
        made_session(
            rung.case, method=METHOD, steps=rounds, device=device, batch=rung.batch, **options
        ) as session,
        freed_memory_kept(device),
    ):
        method = session.build_method()
        training, streams = session.build_training(method), session.build_streams(method)
        step = SampleSteps(training, streams, device=device, precision=session.settings.precision)
        for _ in range(WARM_UP + rounds):
            started = time.perf_counter()
            step(SHARE)
            times.append(1000 * (time.perf_counter() - started))
    return times[WARM_UP:]


def augmentation_ms(classes: int, features: int, device: str, rounds: int) -> float:
    """Return the median milliseconds of one network's statistics and augmented logits, both passes."""
    shape = (IMAGES, classes, GRID, GRID)
    maps = torch.randn(IMAGES, features, GRID, GRID, device=device)
    maps = maps.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(classes, features, device=device)
    logits = torch.randn(shape, device=device).requires_grad_()
    labels = torch.randint(0, classes, (IMAGES // 2, GRID, GRID), device=device)
    branch = BranchOutput(logits, maps, weight, ClassStatistics(classes, features).to(device))
    times = []
    for _ in range(WARM_UP + 2 * rounds):
        started = time.perf_counter()
        perturb(branch, labels, 1.0).sum().backward()
        wait_for(device)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[WARM_UP:])


def rows_of(case: Case, device: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield one row after the other."""
    for rung in rungs(case):
        peak = peak_megabytes(run_steps, rung, device, 1, device=device)
        milliseconds = statistics.median(run_steps(rung, device, rounds))
        yield {
            "varied": rung.varied,
            "value": rung.value,
            "step_ms": round(milliseconds, 1),
            "peak_mb": peak,
        }
    with freed_memory_kept(device):
        for classes, features in ((11, 64), (11, 256), (11, 1024), (21, 256), (150, 256)):
            milliseconds = augmentation_ms(classes, features, device, rounds)
            yield {"augmentation": f"K={classes}, D={features}", "ms": round(milliseconds, 2)}


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--case", choices=CASES, default="lite0-192")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="that count, default 5")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    rows = []
    for row in rows_of(CASES[options.case], resolve_device(options.device), options.rounds):
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        rows.append(row)
        if options.json:  # after every row, so that an interrupted run keeps what it measured
            options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
