"""A further process of a run: `python -m mutualseg.engine.follow RUN` trains along and writes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from mutualseg.engine.resuming import follow
from mutualseg.errors import Interrupted, MutualSegError
from mutualseg.terminal import shown
from mutualseg.wrapping import for_stream

_EXIT_FAULT = 2


def main() -> int:
    """Train along with the process that started this one, and return its exit code."""
    try:
        follow(Path(sys.argv[1]), resume=sys.argv[2] == "resume")
    except (Interrupted, KeyboardInterrupt):  # all processes stop together; the first one says so
        return 0
    except MutualSegError as error:
        print(for_stream(shown(f"mutualseg: {error}"), sys.stderr), file=sys.stderr)
        return _EXIT_FAULT
    return 0


if __name__ == "__main__":
    sys.exit(main())
