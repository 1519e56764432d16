"""The process of one run under `compare --jobs N`: `python -m mutualseg.comparison.job`.

It reads an `Order` from its standard input, and takes the end of that input for the end of the process that
compares: then it stops in order, as on SIGTERM. Its row goes to standard output, all that it says to its log.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from mutualseg.comparison.plan import PlannedRun
from mutualseg.comparison.running import Train, perform
from mutualseg.comparison.shared import Shared
from mutualseg.errors import Interrupted


@dataclass(frozen=True)
class Order:
    """What is to be done."""

    run: PlannedRun
    out: Path
    """Folder of the comparison."""
    shared: Shared
    train: Train


def main() -> None:
    """Perform one run."""
    result = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what is printed is no row
    order: Order = pickle.load(sys.stdin.buffer)
    # The descriptor alone: a thread that waits in sys.stdin holds its lock, and loader processes that are
    # forked off this one would wait for that in vain.
    threading.Thread(target=_stop_at_end_of, args=[sys.stdin.fileno()], daemon=True).start()
    try:
        row = perform(order.run, order.out, order.shared, order.train)
    except Interrupted as stopped:
        sys.exit(128 + signal.Signals[str(stopped)])
    with os.fdopen(result, "wb") as pipe:
        pickle.dump(row, pipe)


def _stop_at_end_of(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
