"""One run of a comparison: begun, gone on with or found finished; and what is then known of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from mutualseg.comparison.failures import reason_of
from mutualseg.comparison.on_test import known_score
from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.shared import Shared
from mutualseg.engine.summary import counted_network
from mutualseg.errors import CheckpointError, Interrupted, RunError
from mutualseg.run_room import clear_remains
from mutualseg.runs import RunFolder
from mutualseg.step_rows import read_rows

Train = Callable[..., dict[str, Any]]
"""`mutualseg.train`."""

_RESULTS = (
    *("steps", "miou", "miou_best", "per_class_iou", "counted", "deployed", "networks"),
    *("minutes", "training_seconds", "peak_memory_mb", "threads", "commit"),
)
"""What is unknown until a run is finished."""


def perform(planned: PlannedRun, out: Path, shared: Shared, train: Train) -> dict[str, Any]:
    """Train a run to its end unless it is finished, and return its row; a failure is a row too.

    Signals pass through: the run has saved then.
    """
    folder = RunFolder(out / "runs" / planned.name)
    try:
        if not folder.is_finished():
            _train(planned, folder, shared, train)
            folder.error.unlink(missing_ok=True)  # of an attempt before
        return finished_row(planned, folder)
    except Interrupted:
        raise
    except Exception as error:  # the other runs can do without this one
        reason = reason_of(error, folder)
    _free_memory()
    return unfinished_row(planned, "failed", reason)


def state_of(planned: PlannedRun, out: Path, before: dict[str, Any] | None) -> dict[str, Any]:
    """Return the row of a run before anything is done: finished, as an earlier call left it, or pending."""
    folder = RunFolder(out / "runs" / planned.name)
    if folder.is_finished():
        with suppress(RunError):  # it is damaged, which is a failure of this run when its turn comes
            row = finished_row(planned, folder)
            return {**row, **known_score(before, row["counted"])}
    return unfinished_row(planned, "pending", None)


def of_earlier_call(row: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return the row of a run that this call does not ask for, as rows are by now."""
    kept = {key: value for key, value in row.items() if not key.startswith("test_") or key == "test_reason"}
    folder = RunFolder(out / row["run"])
    if row["status"] == "finished" and "commit" not in row and folder.is_finished():
        with suppress(RunError):
            kept["commit"] = folder.read_summary().get("commit")
    return {**kept, **known_score(row, row.get("counted"))}


def unfinished_row(planned: PlannedRun, status: str, reason: str | None) -> dict[str, Any]:
    """Return what is known of a run without results: its state, and why it failed."""
    return {**planned.row(), "status": status, "reason": reason, **dict.fromkeys(_RESULTS)}


def finished_row(planned: PlannedRun, folder: RunFolder) -> dict[str, Any]:
    """Return what comparison.json says of a finished run."""
    summary = folder.read_summary()
    counted = counted_network(summary["method"], summary["networks"], summary["deployed"])
    miou = summary["networks"][counted]
    recorded = [float(row[f"miou_{counted}"]) for row in read_rows(folder.metrics)]
    return {
        **planned.row(),
        "status": "finished",
        "reason": None,
        "steps": summary["steps"],
        "miou": miou,
        "miou_best": max([*recorded, miou]),
        "per_class_iou": summary.get("networks_per_class_iou", {}).get(counted),
        "counted": counted,
        "deployed": summary["deployed"],
        "networks": summary["networks"],
        "minutes": round(summary["seconds"] / 60, 2),
        "training_seconds": summary["training_seconds"],
        "peak_memory_mb": summary.get("peak_memory_mb"),
        "threads": summary.get("threads"),
        "commit": summary.get("commit"),
        **{name: summary[name] for name in ("method_arguments",) if name in summary},
    }


def can_go_on(folder: RunFolder) -> bool:
    """Return whether a run that is not finished has been begun and has saved."""
    return folder.config.is_file() and folder.newest_checkpoint.is_file()


def _train(planned: PlannedRun, folder: RunFolder, shared: Shared, train: Train) -> None:
    _free_memory()  # the peak of this run must not hold what the one before left behind
    is_begun = folder.config.is_file()
    if can_go_on(folder):
        try:
            train(resume=str(folder.root), quiet=shared.quiet)
            return
        except CheckpointError:  # nothing is left to go on from: the run begins anew
            pass
    if folder.root.is_dir() and not is_begun:  # killed before it began, or while it was deleted
        clear_remains(folder)
    train(
        out=str(folder.root),
        seed=planned.seed,
        labeled=planned.amount.given,
        overwrite=is_begun,
        **planned.variant.arguments(),
        **shared.arguments(),
    )


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
