"""The whole step of every method beside the bare passes of its own networks.

Which passes those are is recorded from a real step, so a new method needs no line here.

    python benchmarks/methods.py --case lite0-192 --json out.json
"""

from __future__ import annotations

import argparse
import inspect
import statistics
from pathlib import Path
from typing import Any

import torch

from interleaving import WARM_UP, measure, passes_of
from made_run import CASES, Case, made_session
from mutualseg.devices import resolve_device
from mutualseg.methods import METHODS, method_class
from rows import report


def whole_from_the_start(name: str) -> dict[str, Any]:
    """Return a method's name, and arguments by which all of its steps are whole ones."""
    known = inspect.signature(method_class(name)).parameters
    return {
        "name": name,
        **{argument: 0.0 for argument in ("burn_in", "ramp", "cooldown") if argument in known},
    }


def row_of(name: str, case: Case, *, device: str, rounds: int) -> dict[str, Any]:
    """Measure one method."""
    method = whole_from_the_start(name)
    with made_session(case, method=method, steps=WARM_UP + rounds, device=device) as session:
        passes = passes_of(session)
        measured = measure(session, passes)
        return {
            "method": name,
            "network": f"{case.network}/{case.encoder}",
            "crop": case.crop,
            "device": device,
            "precision": session.settings.precision,
            "threads": torch.get_num_threads(),
            "passes": len(passes),
            "step_ms": round(statistics.median(measured.step), 1),
            "bare_ms": round(statistics.median(measured.bare), 1),
            "ratio": round(measured.ratio, 4),
        }


def shown(row: dict[str, Any]) -> str:
    """Return one row in words."""
    return (
        f"{row['method']}: step {row['step_ms']:.0f} ms, "
        f"{row['passes']} passes alone {row['bare_ms']:.0f} ms, ratio {row['ratio']:.3f}"
    )


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--case", choices=CASES, default="lite0-192")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=7, help="that count, default 7")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    case, device = CASES[options.case], resolve_device(options.device)
    rows = (row_of(name, case, device=device, rounds=options.rounds) for name in options.methods)
    report(rows, options.json, say=shown)


if __name__ == "__main__":
    main()
