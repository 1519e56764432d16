"""`train --with-baseline`: the twin of a run that learns from the labels alone, in RUN/baseline.

Its folder is written before the run starts, so that everything is resolved and refused at once, and trained
after it, so that the user's own network comes first. A run is finished once both are.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.engine.checked_settings import read_settings
from mutualseg.engine.late_signals import LateSignal, signals_to, telling_how_to_go_on
from mutualseg.engine.preparation import prepare
from mutualseg.engine.processes import Place
from mutualseg.engine.resuming import reopen, resume_run
from mutualseg.engine.summary import counted_network
from mutualseg.engine.training_run import run_training
from mutualseg.errors import ConfigError, Interrupted, RunError, UnusableFileError
from mutualseg.methods import method_class
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.shell_lines import resume_line

_METHOD = "labels_only"


def refuse_baseline(
    method: str | Mapping[str, Any], devices: int, num_nodes: int, place: Place | None
) -> None:
    """Raise ConfigError where a run can have no twin."""
    if not method_class(resolving.resolve_method(method)["name"]).uses_unlabeled:
        raise ConfigError(
            "--with-baseline adds labels_only, which is the method itself: give --with-baseline false, or "
            "another --method."
        )
    if devices * num_nodes > 1 or place is not None:
        raise ConfigError(
            "--with-baseline trains in one process: give --with-baseline false, and train --method "
            "labels_only as a run of its own."
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


def has_twin(folder: RunFolder) -> bool:
    """Whether a run was started with a twin that has not reported yet."""
    return bool(folder.read_config().get("with_baseline")) and (
        not folder.is_finished() or lacks_baseline(folder)
    )


def lacks_baseline(folder: RunFolder) -> bool:
    """Whether a run's own training is finished and its twin's is not."""
    if not folder.is_finished() or not folder.read_config().get("with_baseline"):
        return False
    return "baseline" not in folder.read_summary()


def run_with_twin(root: Path, train: Callable[[], object], *, quiet: bool) -> dict[str, Any]:
    """Train a run, then its twin as far as it is not, and return the summary of both.

    Args:
        root: the run folder.
        train: trains the run as far as it is not.
        quiet: say nothing of the twin.

    Raises:
        Interrupted: a signal came, in either training or between them; the run is what is to be resumed.
    """
    folder, late = RunFolder(root), LateSignal()
    with telling_how_to_go_on(folder), signals_to(late):
        train()
        if late.received is not None:  # after the last step, when the run was let finish
            raise Interrupted(signal.Signals(late.received).name)
        return _complete(folder, _train_twin(folder, quiet=quiet))


def _complete(folder: RunFolder, twin: Mapping[str, Any]) -> dict[str, Any]:
    """Write the twin's result into the run's summary, of the one network of it that counts."""
    summary = folder.read_summary()
    counted = counted_network(twin["method"], twin["networks"], twin["deployed"])
    miou = twin["networks"][counted]
    baseline = {
        "method": twin["method"],
        "counted": counted,
        "miou": miou,
        "miou_best": twin.get("networks_best", {}).get(counted, miou),
        "per_class_iou": twin["networks_per_class_iou"][counted],
        **{key: twin[key] for key in ("networks", "steps", "seconds")},
    }
    summary |= {"baseline": baseline, "gain": round(summary["miou"] - miou, 4)}
    folder.write_summary(summary)
    return summary


def _train_twin(folder: RunFolder, *, quiet: bool) -> dict[str, Any]:
    own = RunFolder(folder.baseline)
    try:
        return _train(own, quiet=quiet)
    except (UnusableFileError, RunError) as error:  # both trainings go on with the one run
        raise type(error)(str(error).replace(resume_line(own.root), resume_line(folder.root))) from None


def _train(own: RunFolder, *, quiet: bool) -> dict[str, Any]:
    if own.is_finished() or own.newest_checkpoint.is_file():
        return resume_run(own.root, given={}, quiet=quiet or own.is_finished())
    settings = read_settings(own)
    console = RunConsole(quiet=quiet)
    console.say("the baseline: labels_only on the same labeled images")
    session = reopen(own, settings, console, leads=True, resume=False)
    session.introduce()
    return run_training(session, session.build_method(), resume=False)


def verdict_sentence(summary: Mapping[str, Any]) -> str:
    """Return whether the unlabeled images helped, in words."""
    better, gain = summary["baseline"]["miou"], summary["gain"]
    if gain > 0:
        verdict = f"they helped by {gain:.2f} points on this seed"
    elif gain < 0:
        verdict = f"they did not help: {-gain:.2f} points lower on this seed"
    else:
        verdict = "they made no difference"
    return f"with unlabeled images {summary['miou']:.2f}, labels only {better:.2f}: {verdict}"
