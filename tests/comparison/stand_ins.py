"""What processes of `compare --jobs` run in tests instead of a training; they import it from here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from mutualseg.errors import Interrupted, TrainingError
from mutualseg.run_room import make_room
from mutualseg.runs import RunFolder
from mutualseg.step_rows import append_row


def train(*, out: str, seed: int, **arguments: Any) -> dict[str, Any]:
    """Write what a finished run writes; mIoU is 40 and the seed."""
    folder = RunFolder(Path(out))
    began = time.time()
    print(f"seed {seed} speaks", flush=True)
    time.sleep(0.3)
    make_room(folder, overwrite=False)
    miou = 40.0 + seed
    summary = {"method": "mutual", "networks": {"teacher_a": miou}, "deployed": "teacher_a", "steps": 3}
    facts = {"began": began, "ended": time.time(), "threads": torch.get_num_threads(), **arguments}
    summary |= {"seconds": 60, "training_seconds": 50, "facts": facts, "process": os.getpid()}
    append_row(folder.metrics, {"step": 3, "miou_teacher_a": miou})
    folder.write_summary(summary)
    return summary


def fail_variously(*, seed: int, **arguments: Any) -> dict[str, Any]:
    """Fail as a user's fault, as one of the program, by being killed or stopped, and not at all, by seed."""
    if seed == 0:
        raise TrainingError("The loss became infinite; lower the rates.")
    if seed == 1:
        raise ZeroDivisionError("division by zero")
    if seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 3:
        raise Interrupted("SIGTERM")
    return train(seed=seed, **arguments)


def save_when_told(*, out: str, **arguments: Any) -> dict[str, Any]:
    """Wait for a signal for a minute, and leave a file `saved` then."""

    def receive(number: int, frame: FrameType | None) -> None:
        raise Interrupted(signal.Signals(number).name)

    root = Path(out)
    signal.signal(signal.SIGTERM, receive)
    root.mkdir(parents=True)
    (root / "process").write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except Interrupted:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(float(arguments.get("seconds", 0)))
        (root / "saved").touch()
        raise
    raise AssertionError("no signal came")


def save_slowly_when_told(**arguments: Any) -> dict[str, Any]:
    """Take two seconds to save."""
    return save_when_told(**arguments, seconds=2)


def be_deaf(*, out: str, **arguments: Any) -> dict[str, Any]:
    """Ignore signals for ten minutes."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    root = Path(out)
    root.mkdir(parents=True)
    (root / "process").write_text(str(os.getpid()))
    time.sleep(600)
    raise AssertionError("nobody ended this process")
