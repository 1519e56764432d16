"""`train --with-baseline`: the twin of a run that learns from the labels alone, in RUN/baseline.

Its folder is written before the run starts, so that everything is resolved and refused at once, and trained
after it, so that the user's own network comes first. A run is finished once both are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.engine.preparation import prepare
from mutualseg.engine.processes import Place
from mutualseg.engine.resuming import reopen, resume_run
from mutualseg.engine.summary import counted_network
from mutualseg.errors import ConfigError, Interrupted
from mutualseg.methods import method_class
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings

_METHOD = "labels_only"
_REPORTED = ("method", "miou", "miou_best", "networks", "steps", "seconds", "per_class_iou")


def refuse_baseline(
    method: str | Mapping[str, Any], devices: int, num_nodes: int, place: Place | None
) -> None:
    """Raise ConfigError where a run can have no twin."""
    if not method_class(resolving.resolve_method(method)["name"]).uses_unlabeled:
        raise ConfigError(
            "--with-baseline adds labels_only, which is the method itself; leave out one of them."
        )
    if devices * num_nodes > 1 or place is not None:
        raise ConfigError(
            "--with-baseline trains in one process; leave it out, and train --method labels_only as a run of "
            "its own."
        )


def prepare_twin(settings: Settings, out: Path, arguments: Mapping[str, Any]) -> None:
    """Write the twin's folder beside that of a run which is about to start.

    Args:
        settings: of the run.
        out: its folder.
        arguments: those of `prepare` that the run was made from. With a budget the twin gets the same time,
            else the same number of steps.
    """
    own = {
        "method": _METHOD,
        "batch": settings.batch,  # `auto` would find another one for it
        "steps": None if arguments["budget"] is not None else settings.steps,
        "out": RunFolder(out).baseline,
        "device": settings.device,
        "with_baseline": False,
        "overwrite": False,
        "quiet": True,
    }
    prepare(**{**arguments, **own, "place": None})


def lacks_baseline(folder: RunFolder) -> bool:
    """Whether a run's own training is finished and its twin's is not."""
    if not folder.is_finished() or not folder.read_config().get("with_baseline"):
        return False
    return "baseline" not in json.loads(folder.summary.read_text(encoding="utf-8"))


def complete(root: Path, *, quiet: bool) -> dict[str, Any]:
    """Train the twin of a finished run as far as it is not, and return the summary of both.

    Raises:
        Interrupted: a signal came; the twin has saved, and the run is what is to be resumed.
    """
    folder = RunFolder(root)
    summary: dict[str, Any] = json.loads(folder.summary.read_text(encoding="utf-8"))
    twin = _train_twin(folder, quiet=quiet)
    counted = counted_network(twin["method"], twin["networks"], twin["deployed"])
    baseline = {key: twin[key] for key in _REPORTED} | {"counted": counted}
    gain = round(summary["miou"] - twin["networks"][counted], 4)
    summary |= {"baseline": baseline, "gain": gain}
    folder.write_summary(summary)
    return summary


def _train_twin(folder: RunFolder, *, quiet: bool) -> dict[str, Any]:
    own = RunFolder(folder.baseline)
    try:
        if own.is_finished() or own.newest_checkpoint.is_file():
            return resume_run(own.root, given={}, quiet=True if own.is_finished() else quiet)
        settings = Settings.from_dict(own.read_config(), str(own.config))
        console = RunConsole(quiet=quiet)
        console.say("the baseline: labels_only on the same labeled images")
        session = reopen(own, settings, console, leads=True, resume=False)
        session.introduce()
        return session.run(session.build_method(), resume=False)
    except Interrupted as stopped:
        stopped.run = str(folder.root)
        raise


def verdict_sentence(summary: Mapping[str, Any]) -> str:
    """Return whether the unlabeled images helped, in words."""
    baseline, gain = summary["baseline"], summary["gain"]
    better = baseline["networks"][baseline["counted"]]
    if gain > 0:
        verdict = f"they helped by {gain:.2f} points"
    elif gain < 0:
        verdict = f"they did not help: {-gain:.2f} points lower"
    else:
        verdict = "they made no difference"
    return f"with unlabeled images {summary['miou']:.2f}, labels only {better:.2f}: {verdict}"
