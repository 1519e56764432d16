"""The whole step of mutual distillation in bfloat16 with channels last, beside float32 with channels first.

Both train their own copy of the same networks on the same batch, in turns, without dropout, so that the
losses can be compared: those of the first step come from equal weights. Both compute depthwise
convolutions as the package does on CPUs (`networks/depthwise.py`).

    python benchmarks/precision.py --cases lite0-192 --rounds 9 --json out.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from interleaving import SHARE, WARM_UP
from made_run import CASES, WHOLE_STEPS, Case, made_session
from mutualseg.devices import resolve_device
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.engine.session import Session
from mutualseg.engine.training import Training
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.optimization import Optimization
from rows import report


def steps_of(session: Session, *, precision: str, memory_format: torch.memory_format) -> SampleSteps:
    """Return steps of a session's method; the same session gives the same networks and batch every time."""
    settings = session.settings
    method = session.build_method()
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    training = Training(
        method,
        Optimization(**settings.optimization),
        total_steps=settings.steps,
        seed=settings.seed,
        memory_format=memory_format,
    )
    return SampleSteps(training, session.build_streams(method), device=settings.device, precision=precision)


def row_of(case: Case, *, device: str, rounds: int) -> dict[str, Any]:
    """Measure one network at one crop."""
    with (
        made_session(case, method=WHOLE_STEPS, steps=rounds, device=device) as session,
        freed_memory_kept(device),
    ):
        contenders = {
            "bf16": steps_of(session, precision="bf16", memory_format=torch.channels_last),
            "fp32": steps_of(session, precision="32", memory_format=torch.contiguous_format),
        }
        times: dict[str, list[float]] = {name: [] for name in contenders}
        losses: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(WARM_UP + rounds):
            for name, step in contenders.items():
                started = time.perf_counter()
                step(SHARE)
                times[name].append(1000 * (time.perf_counter() - started))
                losses[name].append(float(step.training.latest["loss"]))
    ratios = [fp32 / bf16 for fp32, bf16 in zip(times["fp32"], times["bf16"], strict=True)][WARM_UP:]
    apart = [abs(bf16 / fp32 - 1) for fp32, bf16 in zip(losses["fp32"], losses["bf16"], strict=True)]
    return {
        "case": case.name,
        "device": device,
        "threads": torch.get_num_threads(),
        "fp32_ms": round(statistics.median(times["fp32"][WARM_UP:]), 1),
        "bf16_ms": round(statistics.median(times["bf16"][WARM_UP:]), 1),
        "faster": round(statistics.median(ratios), 3),
        "first_loss_apart": round(apart[0], 5),
        "largest_loss_apart": round(max(apart), 5),
    }


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["lite0-192"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=7, help="that count, default 7")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    device = resolve_device(options.device)
    rows = (row_of(CASES[name], device=device, rounds=options.rounds) for name in options.cases)
    report(rows, options.json)


if __name__ == "__main__":
    main()
