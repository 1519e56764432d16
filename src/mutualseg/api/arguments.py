"""What the verbs have in common: how paths are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mutualseg.errors import ConfigError, RunError
from mutualseg.hub.addresses import is_address


def required_out(out: str | None) -> Path:
    """Return the run folder of `--out`; a ConfigError if there is none."""
    if out is None:
        raise ConfigError("--out is missing; name a folder for the run, such as runs/first.")
    return Path(out)


def paths(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]


def own_run(run: str | Path, verb: str) -> Path:
    """Return a run's folder; a RunError if there is nothing, or it is a model on the Hub, which is no run."""
    if is_address(run):
        raise RunError(
            f"{run} is a model on the Hub, which has weights alone; {verb} needs a run folder, the --out of "
            "a train."
        )
    if not Path(run).exists():
        raise RunError(f"There is no run folder '{run}'; give the --out of a train.")
    return Path(run)


def run_or_weights(run: str | Path, out: str | None) -> Path:
    """Return a run folder or a weights file; a model on the Hub is fetched, and has no folder to write to.

    Raises:
        WeightsError: there is nothing.
        ConfigError: it is on the Hub, and there is no `out`.
        HubError: it cannot be had.
    """
    from mutualseg.hub.downloads import local_path
    from mutualseg.runs import require_there

    if is_address(run) and out is None:
        raise ConfigError(f"{run} is a model on the Hub, not a run, so --out is needed; name a place for it.")
    return require_there(local_path(run))
