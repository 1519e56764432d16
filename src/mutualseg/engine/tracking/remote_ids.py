"""loggers.json: under which names a run is kept elsewhere, so that it goes on there when it is resumed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mutualseg.atomic_files import write_text

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def read_id(path: Path, logger: str) -> str | None:
    """Return the id of a run at a logger, None if it has none yet or the file is damaged."""
    found = _read(path).get(logger)
    return found if found is not None and _ID.fullmatch(found) else None


def write_id(path: Path, logger: str, value: str) -> None:
    """Keep the id of a run at a logger beside those at others."""
    write_text(path, json.dumps({**_read(path), logger: value}, indent=2) + "\n")


def _read(path: Path) -> dict[str, str]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    plain = held.items() if isinstance(held, dict) else ()
    return {name: value for name, value in plain if isinstance(value, str)}
