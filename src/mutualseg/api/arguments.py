"""What the verbs have in common: how paths are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mutualseg.errors import ConfigError


def required_out(out: str | None) -> Path:
    """Return the run folder of `--out`; a ConfigError if there is none."""
    if out is None:
        raise ConfigError("--out is missing; name a folder for the run, such as runs/first.")
    return Path(out)


def paths(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]
