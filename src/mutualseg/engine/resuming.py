"""Go on with a run from its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutualseg import opened_data, resolving
from mutualseg.data.split_file import read_split
from mutualseg.devices import resolve_device
from mutualseg.engine.agreement import same_everywhere
from mutualseg.engine.changed_files import changed_since, differing_sizes
from mutualseg.engine.changes import Change, find_change, fit_to_data, write_change
from mutualseg.engine.checked_settings import read_settings
from mutualseg.engine.checkpoints import complete_rotation, drop_damaged_checkpoints
from mutualseg.engine.overrides import asked_changes
from mutualseg.engine.processes import Place, connect, others_started, place_from
from mutualseg.engine.run_state import Saved, read_saved
from mutualseg.engine.session import Session
from mutualseg.engine.starting_weights import license_of_start
from mutualseg.engine.tracking.choices import require_libraries
from mutualseg.engine.training_run import run_training
from mutualseg.errors import ConfigError, RunError
from mutualseg.links import refuse_links_out
from mutualseg.methods.base import Method
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.skipped_list import read_skipped
from mutualseg.step_rows import read_rows


def resume_run(
    root: Path, *, given: Mapping[str, Any], override: str | Iterable[str] = (), quiet: bool
) -> dict[str, Any]:
    """Continue a run from its newest checkpoint, or begin it where it has none yet.

    Args:
        root: the run folder; what is not given is in it.
        given: options that were given beside --resume, under the names of `train`. Those that change no
            result (workers, cache, checkpoint_every, logger) are taken; others must be the run's or be
            overridden.
        override: names of settings that may differ from what the run was trained with so far.
        quiet: say nothing.

    Raises:
        MutualSegError: the run, its data or the options do not allow it.
    """
    folder, console = RunFolder(root), RunConsole(quiet=quiet)
    refuse_links_out(root)
    settings = read_settings(folder)
    place = place_from(os.environ)
    if place is None:
        return _lead(folder, settings, given, override, console, place, lambda _: None)
    # Before anything that may be refused, which the first process alone looks at: others would wait for it.
    has_joined = _join(folder, settings, given, override, place)
    if not place.leads:
        return _train_along(folder) if has_joined else folder.read_summary()
    told: list[str] = []

    def tell(word: str) -> None:
        if has_joined and not told:
            told.append(same_everywhere(word))

    try:
        return _lead(folder, settings, given, override, console, place, tell)
    finally:
        tell("")


_RESUME, _BEGIN, _FINISHED = "resume", "begin", "finished"
"""What the first of several processes tells the others, once it has looked at everything; else nothing."""


def _lead(
    folder: RunFolder,
    settings: Settings,
    given: Mapping[str, Any],
    override: str | Iterable[str],
    console: RunConsole,
    place: Place | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Look at everything, write config.yaml, tell the others how it goes on, and train."""
    root = folder.root
    complete_rotation(folder)
    has_begun = folder.newest_checkpoint.is_file()
    goes_on = not folder.is_finished() or bool(override)
    if goes_on and folder.is_finished() and not has_begun:
        raise RunError(f"{root} is finished and has no checkpoint any more to go on from; start a new run.")
    if has_begun and goes_on:
        drop_damaged_checkpoints(folder, console)
    saved = read_saved(folder.newest_checkpoint) if has_begun and goes_on else Saved(0)
    change = find_change(folder, settings, saved, given, override)
    if folder.is_finished() and not change.overridden:
        write_change(folder, change.settings, change, saved.step, console)
        console.say(f"{root} is finished already; nothing to resume.")
        tell(_FINISHED)
        return folder.read_summary()
    require_libraries(change.settings.logger)
    resolve_device(change.settings.device)  # the run may have come from another machine
    session = reopen(folder, change.settings, console, leads=True, resume=has_begun)
    session = fit_to_data(session, change, place)
    method = session.build_method()
    _refuse_other_networks(method, session, change)
    write_change(folder, session.settings, change, saved.step, console)
    tell(_RESUME if has_begun else _BEGIN)
    _note_changed_files(session, saved, change)
    if not has_begun:
        lost = ", though it was trained before" if read_rows(folder.metrics) else " yet"
        console.say(f"{root} has no checkpoint{lost}, so it begins with its first step")
    elif not folder.checkpoint.is_file():
        console.say(f"going on from the checkpoint of step {saved.step}, since '{folder.checkpoint}' is gone")
    else:
        console.say(f"going on from step {saved.step} of {session.settings.steps}")
    with others_started(root, 1 if place is not None else session.settings.processes, resume=has_begun):
        return run_training(session, method, resume=has_begun)


def _join(
    folder: RunFolder,
    settings: Settings,
    given: Mapping[str, Any],
    override: str | Iterable[str],
    place: Place,
) -> bool:
    """Connect with the other processes, unless the run is finished; all of them decide alike."""
    if folder.is_finished() and not override:
        return False
    device = asked_changes(settings, given).get("device", settings.device)
    connect(place, resolve_device(str(device)))
    return True


def _train_along(folder: RunFolder) -> dict[str, Any]:
    """Train with the first of several processes, once it has looked at everything and written config.yaml."""
    told = same_everywhere("")
    if not told:
        raise RunError(f"The first process could not go on with {folder.root}; see its message.")
    if told == _FINISHED:
        return folder.read_summary()
    return follow(folder.root, resume=told == _RESUME)


def follow(root: Path, *, resume: bool) -> dict[str, Any]:
    """Train along with the process that wrote a run folder, and return the summary; write nothing."""
    folder = RunFolder(root)
    session = reopen(folder, read_settings(folder), RunConsole(quiet=True), leads=False, resume=resume)
    return run_training(session, session.build_method(), resume=resume)


def reopen(
    folder: RunFolder, settings: Settings, console: RunConsole, *, leads: bool, resume: bool
) -> Session:
    """Return the session of a run folder, with the data as they were."""
    source = opened_data.reopen_data(settings)
    if folder.read_classes() != source.classes:
        raise RunError(
            f"{source.root} has the classes {', '.join(source.classes)}, but {folder.root} was started with "
            f"{', '.join(folder.read_classes())}; restore the class list, or train anew."
        )
    skipped = read_skipped(folder.skipped)
    files = [row.skipped.file for row in skipped]
    split = read_split(folder.split, source, lost=files if settings.on_bad_image == "skip" else None)
    weights_license = license_of_start(settings)
    if resume:  # the checkpoint holds every weight, so what the run started from is not needed again
        settings = replace(settings, weights="none", init=None)
    left_out = [row.skipped for row in skipped if row.step == 0]
    session = Session(settings, source, split, folder, console, leads=leads, left_out=left_out)
    session.weights_license = weights_license
    return session


def _refuse_other_networks(method: Method, session: Session, change: Change) -> None:
    """Raise ConfigError if overridden arguments of the method make networks that the checkpoint lacks."""
    named = [name for name in change.overridden if name.startswith("method.")]
    if not named:
        return
    before = session.with_settings(replace(session.settings, method=change.before.method)).build_method()
    shapes, then = ({name: value.shape for name, value in m.state_dict().items()} for m in (method, before))
    if shapes != then:
        raise ConfigError(
            f"--override {','.join(named)} cannot be: the checkpoint holds other networks; leave it out, or "
            "start a new run."
        )


def _note_changed_files(session: Session, saved: Saved, change: Change) -> None:
    settings, split = session.settings, session.split
    if saved.started is None or settings.data == resolving.GENERATED:
        return
    notes = [changed_since(split, saved.started)]
    if "data" in change.overridden:
        notes.append(differing_sizes(split, session.data.root, Path(str(change.overridden["data"]))))
    for note in notes:
        if note is not None:
            session.console.say(f"note: {note}")
