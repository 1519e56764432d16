"""Moments to end a training process at: in its start-up, a step, a checkpoint, an evaluation, its end."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

MOMENTS = ("start-up", "step", "checkpoint", "evaluation", "end")
_LOOK_SECONDS = 0.002
_SAID = re.compile(r"step (\d+)(?::|/)")


@dataclass
class Training:
    """A training process, and what it has said so far.

    Args:
        words: of its command line.
        run: its run folder.
    """

    words: list[str]
    run: Path
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            self.words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self.lines.append(line.rstrip("\n"))

    @property
    def said_step(self) -> int:
        """The last step that it said it has finished."""
        return max((int(found[1]) for line in self.lines if (found := _SAID.match(line))), default=0)

    def is_at_work(self) -> bool:
        """Whether it trains: it has said that a step is done, or gone on with evaluations."""
        return self.said_step > 0

    def ended(self, seconds: float) -> int | None:
        """Return the exit code once it has ended and all it said is read; None if it takes longer."""
        try:
            code = self.process.wait(timeout=max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(timeout=2)  # a loader process that outlives it for seconds holds the pipe
        return code


def wait_for(moment: str, training: Training, chance: random.Random, until: float) -> None:
    """Return at a random time within a moment, when the process has ended, or at a deadline.

    Args:
        moment: one of `MOMENTS`.
        training: the process.
        chance: where within the moment.
        until: the deadline, of `time.monotonic`.
    """
    if moment == "start-up":
        _sleep(training, chance.uniform(0.0, 12.0), until)
        return
    while not training.is_at_work() and training.process.poll() is None and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    if moment == "step":
        _sleep(training, chance.uniform(0.0, 2.5), until)
        return
    watched = {
        "checkpoint": training.run / "checkpoints",
        "evaluation": training.run / "pseudo_labels",
        "end": training.run / "weights",
    }[moment]
    for _ in range(chance.randint(1, 4) if moment != "end" else 1):
        _wait_for_change(watched, training, until)
    delay = {"checkpoint": 0.05, "evaluation": 0.5, "end": 0.2}[moment]
    _sleep(training, chance.uniform(0.0, delay), until)


def _sleep(training: Training, seconds: float, until: float) -> None:
    end = min(time.monotonic() + seconds, until)
    while time.monotonic() < end and training.process.poll() is None:
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))


def _wait_for_change(folder: Path, training: Training, until: float) -> None:
    """Wait until a file in a folder appears, goes or is written."""
    before = _state(folder)
    while _state(folder) == before and training.process.poll() is None and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)


def _state(folder: Path) -> set[tuple[str, int]]:
    found = set()
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except OSError:  # renamed meanwhile
            continue
    return found
