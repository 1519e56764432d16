"""The whole step of mutual distillation beside the bare passes of its networks.

A step is everything from decoded images on: loader, views, CutMix, networks, losses, semantic
augmentation, optimizer, teachers, trainer. The bare passes are the same networks' alone, on the same
shapes in the same precision, with the same optimizer.

    python benchmarks/training_step.py --cases lite0-192 lite0-256 --rounds 9 --json out.json
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

from bare_passes import Pass
from interleaving import SHARE, WARM_UP, bare_passes, measure, passes_of
from made_run import CASES, MEASURED, WHOLE_STEPS, Case, made_session
from mutualseg.devices import resolve_device
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.engine.session import Session
from mutualseg.freed_memory import freed_memory_kept
from parts import parts_ms
from peak_memory import peak_megabytes
from rows import report

FOR_MEMORY = 6
"""Steps until the allocator has found room for everything."""


def session_of(
    case: Case, device: str, steps: int, batch: int, **options: Any
) -> AbstractContextManager[Session]:
    """Return a session of nothing but whole steps."""
    return made_session(case, method=WHOLE_STEPS, steps=steps, device=device, batch=batch, **options)


def row_of(case: Case, *, device: str, rounds: int, batch: int, compiled: bool) -> dict[str, Any]:
    """Measure one network at one crop; the bare passes are never compiled."""
    with session_of(case, device, 1, batch) as session:
        passes = passes_of(session)
    with session_of(case, device, WARM_UP + rounds, batch, compile=compiled) as session:
        precision = session.settings.precision
        measured = measure(session, passes)
        with freed_memory_kept(device):
            parts = parts_ms(session)
    step, bare = statistics.median(measured.step), statistics.median(measured.bare)
    return {
        "network": f"{case.network}/{case.encoder}",
        "crop": case.crop,
        "batch": batch,
        "device": device,
        "precision": precision,
        "compiled": compiled,
        "threads": torch.get_num_threads(),
        "bare_ms": round(bare, 1),
        "step_ms": round(step, 1),
        "ratio": round(measured.ratio, 4),
        "loader_cpu_ms": round(statistics.median(measured.loader_cpu), 1),
        "images_per_second": round(1000 * 2 * batch / step, 2),
        "bare_peak_mb": peak_megabytes(run_bare, case, device, batch, passes, device=device),
        "step_peak_mb": peak_megabytes(run_steps, case, device, batch, compiled, device=device),
        "parts_ms": parts,
    }


def run_bare(case: Case, device: str, batch: int, passes: list[Pass]) -> None:
    """Run bare passes a few times, for their memory."""
    with session_of(case, device, FOR_MEMORY, batch) as session, freed_memory_kept(device):
        bare = bare_passes(session, passes)
        for _ in range(FOR_MEMORY):
            bare()


def run_steps(case: Case, device: str, batch: int, compiled: bool) -> None:
    """Run whole steps a few times, for their memory."""
    with session_of(case, device, FOR_MEMORY, batch, compile=compiled) as session, freed_memory_kept(device):
        method = session.build_method()
        step = SampleSteps(
            session.build_training(method),
            session.build_streams(method),
            device=device,
            precision=session.settings.precision,
        )
        for _ in range(FOR_MEMORY):
            step(SHARE)


def shown(row: dict[str, Any]) -> str:
    """Return one row in words."""
    memory = ""
    if row["step_peak_mb"] is not None:
        memory = f", peak {row['step_peak_mb']:.0f} / {row['bare_peak_mb']:.0f} MB"
    parts = ", ".join(f"{name} {value:.1f}" for name, value in row["parts_ms"].items())
    return (
        f"{row['network']} at {row['crop']}, {row['device']} {row['precision']}"
        f"{', compiled beside bare passes that are not' if row['compiled'] else ''}: "
        f"step {row['step_ms']:.0f} ms, "
        f"bare {row['bare_ms']:.0f} ms, ratio {row['ratio']:.3f}, {row['images_per_second']:.1f} images/s, "
        f"loader {row['loader_cpu_ms']:.0f} ms of CPU{memory}\n    alone, ms: {parts}"
    )


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=MEASURED)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=7, help="that count, default 7")
    parser.add_argument("--batch", type=int, default=4, help="labeled and unlabeled images each, default 4")
    parser.add_argument("--compile", action="store_true", help="compile the step's networks")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    device = resolve_device(options.device)
    rows = (
        row_of(
            CASES[name],
            device=device,
            rounds=options.rounds,
            batch=options.batch,
            compiled=options.compile,
        )
        for name in options.cases
    )
    report(rows, options.json, say=shown)


if __name__ == "__main__":
    main()
