"""How much work a mutual step is: floating point operations, and calls of operations.

From these docs/performance.md computes what hardware should need that nobody could measure. The calls are
those of a step on a CPU: what a GPU would be sent is of the same order.

    python benchmarks/work.py --json out.json
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from interleaving import SHARE
from made_run import CASES, MEASURED, WHOLE_STEPS, Case, made_session
from mutualseg.engine.sample_steps import SampleSteps
from operations import EachOperation
from rows import report


def row_of(case: Case, batch: int) -> dict[str, Any]:
    """Count one network at one crop."""
    images = 2 * batch
    with made_session(case, method=WHOLE_STEPS, steps=2, device="cpu", batch=2) as session:
        method = session.build_method()
        network = copy.deepcopy(method.students()["student_a"]).to("meta")
        flops = FlopCounterMode(display=False)
        with flops, torch.no_grad():
            network(torch.empty(2, 3, case.crop, case.crop, device="meta"))
        forward = flops.get_total_flops() / 2
        step = SampleSteps(
            session.build_training(method), session.build_streams(method), device="cpu", precision="32"
        )
        step(SHARE)
        operations: list[bool] = []
        with EachOperation(lambda func, *_: operations.append(not getattr(func, "is_view", False))):
            step(SHARE)
    return {
        "case": case.name,
        "images": images,
        "million_weights": round(sum(w.numel() for w in network.parameters()) / 1e6, 1),
        "gigaflop_forward": round(forward / 1e9, 2),
        # A backward pass is twice a forward pass; both students have one, both teachers have none.
        "teraflop": round(images * 2 * (3 + 1) * forward / 1e12, 3),
        "operations": sum(operations),  # views left out
    }


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=MEASURED)
    parser.add_argument("--batch", type=int, default=4, help="labeled and unlabeled images each, default 4")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    torch.manual_seed(0)
    report((row_of(CASES[name], options.batch) for name in options.cases), options.json)


if __name__ == "__main__":
    main()
