"""Whether a long run stays as it is: memory, file handles, logs and the time of a step.

    python soak/long_run.py --steps 20000 --json out.json
    python soak/long_run.py --files 100000 --steps 300

The real `mutualseg train` with the default method, loader processes, checkpoints, evaluations and
TensorBoard, on made pictures; the networks are of four small layers, so that a step takes milliseconds.
Memory is fitted by a line over the last three quarters. Exit code 1 if it rises faster than allowed, or
file handles or logs grow. Times are printed and judge nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytorch_lightning as pl
import torch
from torch import nn

from growth import Reading, read
from growth_bounds import Bounds, judge
from made_photos import make_folders
from mutualseg.cli import main as command
from mutualseg.engine.event_file import EventFile
from mutualseg.engine.progress_lines import ProgressLines
from mutualseg.engine.session import Session
from mutualseg.networks.segmenter import Segmenter
from mutualseg.seeding import address
from mutualseg.threads import threads_set

_READINGS = 200
_LEAST_READINGS = 4
_STOPPED = 143
"""Exit code of a run that SIGTERM ended in order."""
_TAUGHT = ("--method.burn_in", "0.05", "--method.threshold", "0", "--method.peer_threshold", "0")
"""Arguments with which the networks teach each other nearly from the beginning."""


@dataclass(frozen=True)
class Plan:
    """A run."""

    steps: int
    files: int
    minutes: float
    workers: int
    evaluate_every: int
    checkpoint_every: int
    seed: int


def tiny_network(session: Session, role: str, network: str | None = None) -> Segmenter:
    """Return a segmenter of four small layers, in place of the one that the session would build."""
    config = session.network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(address(session.settings.seed, role))
        return Segmenter(
            nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
            nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.Dropout(0.1)),
            nn.ReLU(),
            nn.Conv2d(8, config.num_classes, 1),
            multiple=4,
            pixel_mean=(0.5, 0.5, 0.5),
            pixel_std=(0.25, 0.25, 0.25),
        )


def train(root: Path, plan: Plan) -> tuple[int, list[Reading]]:
    """Run the command below a folder, and return its exit code and what was read meanwhile."""
    make_folders(root, plan.files)
    run, started, readings = root / "run", time.monotonic(), list[Reading]()
    original: Callable[..., None] = ProgressLines.on_train_batch_end
    every = max(1, plan.steps // _READINGS)
    record, picture_bytes = EventFile.log_picture, 0

    def recorded(self: EventFile, name: str, path: Path, at: int) -> None:
        nonlocal picture_bytes
        before = _size(run)
        record(self, name, path, at)
        picture_bytes += _size(run) - before

    def measured(self: ProgressLines, trainer: pl.Trainer, module: pl.LightningModule, *rest: Any) -> None:
        original(self, trainer, module, *rest)
        step, seconds = trainer.global_step, time.monotonic() - started
        if step == 1 or step % every == 0:
            readings.append(read(step, seconds, root, picture_bytes))
            if seconds > 60 * plan.minutes and step < plan.steps:
                signal.raise_signal(signal.SIGTERM)

    words = [
        "train",
        "--data",
        root / "data",
        "--unlabeled",
        root / "photos",
        "--out",
        run,
        "--device",
        "cpu",
    ]
    words += ["--weights", "none", "--crop", 32, "--batch", 2, "--precision", "32", "--seed", plan.seed]
    words += ["--steps", plan.steps, "--workers", plan.workers, "--evaluate-every", plan.evaluate_every]
    words += ["--checkpoint-every", plan.checkpoint_every, *_TAUGHT]
    run.mkdir()
    with (
        (root / "console.txt").open("w", buffering=1) as said,
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(said),
        threads_set(1),  # more only get in each other's way in networks this small
        mock.patch.object(ProgressLines, "on_train_batch_end", measured),
        mock.patch.object(EventFile, "log_picture", recorded),
        mock.patch.object(Session, "_build_network", tiny_network),
    ):
        code = command([str(word) for word in words])
    return code, readings


def _size(run: Path) -> int:
    return sum(path.stat().st_size for path in run.glob("events*"))


def main(words: Sequence[str] | None = None) -> int:
    """Run, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=200, help="unlabeled photographs")
    parser.add_argument("--minutes", type=float, default=30, help="stop in order after so long")
    parser.add_argument("--workers", type=int, default=1, help="loader processes per stream")
    parser.add_argument("--evaluate-every", type=int, default=200, help="steps between evaluations")
    parser.add_argument("--checkpoint-every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory-mb", type=float, default=0.5, help="allowed rise per 1,000 steps")
    parser.add_argument("--handles", type=int, default=20, help="allowed rise")
    parser.add_argument("--log-kb", type=float, default=200, help="allowed rise per 1,000 steps")
    parser.add_argument("--json", type=Path, help="write the figures and all readings here too")
    options = parser.parse_args(words)
    names = ("steps", "files", "minutes", "workers", "evaluate_every", "checkpoint_every", "seed")
    plan = Plan(**{name: getattr(options, name) for name in names})
    memory = Path("/dev/shm")  # where there is one, files are made in memory: a hundred thousand take long
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        code, readings = train(Path(root), plan)
        if code not in (0, _STOPPED) or len(readings) < _LEAST_READINGS:
            print((Path(root) / "console.txt").read_text(), file=sys.stderr)
            return 1
    figures, beyond = judge(readings, Bounds(options.memory_mb, options.handles, options.log_kb))
    figures = {"files": plan.files, **figures}
    for name, value in figures.items():
        print(f"{name:26} {' -> '.join(map(str, value)) if isinstance(value, list) else value}")
    print(*(beyond or ["nothing grows beyond its bound"]), sep="\n")
    if options.json:
        rows = [asdict(reading) for reading in readings]
        options.json.write_text(json.dumps({**figures, "beyond": beyond, "readings": rows}, indent=2) + "\n")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
