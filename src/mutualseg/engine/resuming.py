"""Go on with a run from its folder."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.data.split_file import read_split
from mutualseg.devices import resolve_device
from mutualseg.engine.checkpoints import drop_damaged_checkpoints
from mutualseg.engine.processes import connect, others_started, place_from
from mutualseg.engine.session import Session, license_of_start
from mutualseg.errors import ConfigError, RunError
from mutualseg.evaluation.inference_options import WHOLE
from mutualseg.links import refuse_links_out
from mutualseg.methods import method_class
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings, another_version
from mutualseg.supervision import BALANCED


def resume_run(root: Path, *, given: Mapping[str, Any], quiet: bool) -> dict[str, Any]:
    """Continue a run from its newest checkpoint; everything else is in its folder.

    Args:
        root: the run folder.
        given: options that were given beside --resume; they must be those of the run.
        quiet: say nothing.
    """
    folder = RunFolder(root)
    refuse_links_out(root)
    settings = Settings.from_dict(folder.read_config(), str(folder.config))
    _refuse_changes(settings, root, given)
    console = RunConsole(quiet=quiet)
    if folder.is_finished():
        console.say(f"{root} is finished already; nothing to resume.")
        return folder.read_summary()
    if not folder.newest_checkpoint.is_file():
        raise RunError(f"{root} has no checkpoint yet; start it anew with --overwrite.")
    drop_damaged_checkpoints(folder, console)
    _refuse_another_version(settings, folder)
    resolve_device(settings.device)  # the run may have come from another machine
    place = place_from(os.environ)
    if place is not None:
        connect(place, settings.device)
    session = reopen(folder, settings, console, leads=place is None or place.leads, resume=True)
    with others_started(root, 1 if place is not None else settings.processes, resume=True):
        return session.run(session.build_method(), resume=True)


def _refuse_another_version(settings: Settings, folder: RunFolder) -> None:
    """Raise RunError if the method's arguments are not those of now: a default must not slip into a run."""
    known = set(inspect.signature(method_class(settings.method["name"])).parameters)
    wrong = sorted((known - {"build_network"}) ^ (set(settings.method) - {"name"}))
    if wrong:
        raise another_version(str(folder.config), f"method.{wrong[0]}")


def follow(root: Path, *, resume: bool) -> dict[str, Any]:
    """Train along with the process that wrote a run folder, and return the summary; write nothing."""
    folder = RunFolder(root)
    settings = Settings.from_dict(folder.read_config(), str(folder.config))
    session = reopen(folder, settings, RunConsole(quiet=True), leads=False, resume=resume)
    return session.run(session.build_method(), resume=resume)


def reopen(
    folder: RunFolder, settings: Settings, console: RunConsole, *, leads: bool, resume: bool
) -> Session:
    """Return the session of a run folder, with the data as they were."""
    source = resolving.reopen_data(settings)
    if folder.read_classes() != source.classes:
        raise RunError(
            f"{source.root} has the classes {', '.join(source.classes)}, but {folder.root} was started with "
            f"{', '.join(folder.read_classes())}; restore the class list, or train anew."
        )
    split = read_split(folder.split, source)
    weights_license = license_of_start(settings)
    if resume:  # the checkpoint holds every weight, so what the run started from is not needed again
        settings = replace(settings, weights="none", init=None)
    session = Session(settings, source, split, folder, console, leads=leads)
    session.weights_license = weights_license
    return session


def _refuse_changes(settings: Settings, root: Path, given: Mapping[str, Any]) -> None:
    """Raise ConfigError for an option that contradicts the run which is resumed."""
    for name, value in _flat(given).items():
        first, _, inner = name.partition(".")
        saved = getattr(settings, first, None)
        saved = saved.get(inner) if inner and isinstance(saved, dict) else saved
        saved = _UNSET.get(name) if saved is None else saved
        if name == "supervision.class_weights" and value == BALANCED and isinstance(saved, list):
            continue  # the list is what `balanced` became when the run began
        if isinstance(value, str) and Path(value).exists():
            value = str(Path(value).absolute())
        if str(value) != str(saved):
            flag = name if inner else name.replace("_", "-")
            raise ConfigError(
                f"--{flag} {value} contradicts the run in {root} ({saved}), which --resume "
                "continues as it was; leave the option out, or start a new run."
            )


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by their names, nested ones that are not at their defaults as `views.flip`.

    Which of them were given cannot be told from their defaults, so a default is never a contradiction.
    """
    flat = {name: value for name, value in given.items() if name not in _NESTED}
    for name, resolve in _NESTED.items():
        if name in given:
            asked = resolve(given[name])
            usual = resolve({"name": asked["name"]} if "name" in asked else {})
            changed = {key: value for key, value in asked.items() if value != usual[key]}
            if asked.get("name", _USUAL) != _USUAL:
                changed["name"] = asked["name"]
            flat |= {f"{name}.{key}": value for key, value in changed.items()}
    return flat


_USUAL = "mutual"
_UNSET = {"window": WHOLE}
"""What an option that was left open is called where it can be given too."""
_NESTED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "method": resolving.resolve_method,
    "views": resolving.resolve_views,
    "optimization": resolving.resolve_optimization,
    "supervision": resolving.resolve_supervision,
}
