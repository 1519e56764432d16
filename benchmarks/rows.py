"""What every program does with its rows: say each as it is done, and write them where `--json` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def in_words(row: Row) -> str:
    """Return a row as its names and values."""
    return ", ".join(f"{key} {value}" for key, value in row.items())


def report(rows: Iterable[Row], path: Path | None, say: Callable[[Row], str] = in_words) -> None:
    """Print each row, and write all so far after every one, so that an interrupted run keeps them."""
    done = []
    for row in rows:
        print(say(row), flush=True)
        done.append(row)
        if path:
            path.write_text(json.dumps({"rows": done}, indent=2) + "\n")
