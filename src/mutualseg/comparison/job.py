"""The process of one run under `compare --jobs N`: `python -m mutualseg.comparison.job LIFE ROW`.

`side_by_side` begins it, with an `Order` as its standard input. LIFE and ROW are descriptors of pipes: LIFE
ends with the process that compares, and then this one stops in order, as on SIGTERM; its row goes to ROW.
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
    life, row = (int(descriptor) for descriptor in sys.argv[1:])
    order: Order = pickle.load(sys.stdin.buffer)
    # It waits for the descriptor: in a file object it would hold a lock, and loader processes that are forked
    # off this one would wait for that in vain.
    threading.Thread(target=_stop_at_end_of, args=[life], daemon=True).start()
    try:
        result = perform(order.run, order.out, order.shared, order.train)
    except Interrupted as stopped:
        sys.exit(128 + signal.Signals[str(stopped)])
    with os.fdopen(row, "wb") as pipe:
        pickle.dump(result, pipe)


def _stop_at_end_of(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
