"""comparison.json: what was compared under which settings, and every result so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mutualseg.atomic_files import write_text
from mutualseg.comparison.ablations import FULL
from mutualseg.comparison.aggregates import scores_of, table_of
from mutualseg.comparison.lock import LOCK
from mutualseg.comparison.variants import Variant
from mutualseg.comparison.verdicts import verdicts_of
from mutualseg.errors import RunError

NAME = "comparison.json"


def read_record(out: Path) -> dict[str, Any] | None:
    """Return the record of an earlier call; None in a folder that is empty or not there.

    Raises:
        RunError: the folder holds something else.
    """
    path = out / NAME
    if not path.is_file():
        if out.exists() and (not out.is_dir() or any(held.name != LOCK for held in out.iterdir())):
            raise RunError(f"--out {out} is not empty and holds no comparison; name another folder.")
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"settings", "runs"} <= record.keys():
        raise RunError(f"'{path}' cannot be read; restore it, or name another --out.")
    return record


def stamp_of(out: Path) -> bytes | None:
    """Return what tells whether the record has changed."""
    path = out / NAME
    return path.read_bytes() if path.is_file() else None


def write_record(
    out: Path,
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    asked: Sequence[str],
    part: str = "val",
) -> dict[str, Any]:
    """Write and return the whole record; a kill leaves the old file or the new one.

    Args:
        out: folder of the comparison.
        settings: of all its runs.
        rows: one per run.
        asked: run folders that this call asks for; the others are of earlier calls.
        part: val or test, on whose mIoU gains and verdicts are.
    """
    scores = scores_of(rows, part)
    labels, aliases = list(settings["variants"]), settings["aliases"]
    champion = aliases.get(FULL, FULL if FULL in labels else None)
    record = {
        "settings": dict(settings),
        "asked": list(asked),
        "part": part,
        "runs": [dict(row) for row in rows],
        "champion": champion,
        "table": table_of(rows, labels, aliases, champion, part),
        "verdicts": [] if champion is None else verdicts_of(scores, champion),
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_text(out / NAME, text, errors="backslashreplace")
    return record


def variants_in(settings: Mapping[str, Any]) -> list[Variant]:
    """Return the variants of a record's settings."""
    return [Variant(label, **arguments) for label, arguments in settings["variants"].items()]
