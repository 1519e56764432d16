"""How the settings of a run change while it goes on: what is refused, what is taken, what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mutualseg import resolving
from mutualseg.devices import refuse_compilation
from mutualseg.engine import overrides
from mutualseg.engine.checked_settings import checked, read_settings
from mutualseg.engine.override_effects import effect_of
from mutualseg.engine.override_notes import began_with_budget, with_noted, write_overridden
from mutualseg.engine.processes import Place, check_processes, share_of
from mutualseg.engine.run_state import Saved, fingerprint
from mutualseg.engine.session import Session
from mutualseg.errors import ConfigError, RunError
from mutualseg.evaluation.inference_options import WHOLE
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings


class Change(NamedTuple):
    """How the settings of a run are changed."""

    before: Settings
    """As in config.yaml."""
    settings: Settings
    overridden: dict[str, Any]
    """What the run was trained with so far, by name."""
    free: dict[str, Any]
    """Likewise, of what changes no result."""


def find_change(
    folder: RunFolder,
    settings: Settings,
    saved: Saved,
    given: Mapping[str, Any],
    override: str | Iterable[str],
) -> Change:
    """Return the settings to go on with.

    Args:
        folder: of the run.
        settings: as in its config.yaml.
        saved: what its checkpoint knows.
        given: options beside --resume, under the names of `train`.
        override: names of settings that may differ.

    Raises:
        ConfigError: a change is not named, or cannot be.
        RunError: the run would train on other images.
    """
    names = overrides.read_names(override, settings)
    asked = overrides.asked_changes(settings, given)
    if began_with_budget(folder, asked.get("budget")):
        del asked["budget"]
    edits: dict[str, tuple[Any, Any]] = {}
    if saved.settings is not None:
        then = Settings.from_dict(saved.settings, str(folder.newest_checkpoint))
        edits = overrides.edited(with_noted(folder, then.to_dict()), settings)
        if folder.split.is_file() and saved.split != fingerprint(folder.split):
            raise RunError(
                f"'{folder.split}' has changed since the run began, so other images would be trained on; "
                "restore it, or train anew."
            )
    own = overrides.flat(settings.to_dict())
    for name in sorted(asked, key=lambda name: name != "method.name"):
        if name not in (*names, *overrides.FREE):
            raise ConfigError(
                _contradiction(name, asked[name], own.get(name, f"{settings.steps} steps"), folder)
            )
    for name, (before, now) in edits.items():
        if name not in names:
            raise ConfigError(_edit(name, before, now, folder))
    for name in names:
        if name not in asked and name not in edits:
            raise ConfigError(
                f"--override {name} names an option that is not given, or is as it was ({own[name]}); give "
                f"--{overrides.flag(name)} and its new value too, or leave the name out."
            )
    change = Change(
        settings,
        checked(overrides.changed(settings, asked)),
        {
            name: edits[name][0] if name in edits else own[name]
            for name in names
            if name not in overrides.FREE
        },
        {name: own[name] for name in overrides.FREE if name in asked},
    )
    _refuse_what_is_past(change, saved, folder)
    return change


def fit_to_data(session: Session, change: Change, place: Place | None) -> Session:
    """Return the session with what of its changed settings depends on data and machine, once that fits."""
    settings, names = session.settings, change.overridden
    if "crop" in names:
        resolving.resolve_crop(settings.crop, session.split, settings.device)
    if any(name.startswith("supervision.") for name in names):
        loss, _ = resolving.resolve_class_weights(
            settings.supervision, session.split.labeled, session.data.classes, session.data.encoding.masks
        )
        settings = replace(settings, supervision=loss)
    if "compile" in names and settings.compile:
        refuse_compilation(settings.device)
    if names.keys() & {"devices", "num_nodes", "batch", "unlabeled_batch", "device"}:
        import torch

        present = torch.cuda.device_count()
        check_processes(settings.devices, settings.num_nodes, place, settings.device, present)
        share_of(settings.batch, settings.processes, "batch")
        share_of(settings.unlabeled_batch, settings.processes, "unlabeled-batch")
    return session.with_settings(settings)


def write_change(
    folder: RunFolder, settings: Settings, change: Change, step: int, console: RunConsole
) -> None:
    """Write changed settings into config.yaml, also of a baseline that has not begun, and say so.

    Args:
        folder: of the run.
        settings: to go on with.
        change: from what.
        step: at which it goes on.
        console: of the run.
    """
    now = overrides.flat(settings.to_dict())
    for name, before in change.overridden.items():
        effect = effect_of(name, change.before, settings, step)
        console.say(f"{name}: {before} -> {now[name]} (overridden){effect}")
    for name, before in change.free.items():
        console.say(f"{name}: {before} -> {now[name]}")
    if not change.overridden and not change.free:
        return
    # First of all: with new settings beside the old result, the run would count as finished for good.
    if change.overridden and folder.is_finished():
        folder.summary.unlink()
    kept = replace(settings, weights=change.before.weights, init=change.before.init)
    twin = RunFolder(folder.baseline)
    shared = {
        name: now[name] for name in (*change.overridden, *change.free) if not name.startswith("method.")
    }
    if kept.with_baseline and twin.config.is_file() and shared:
        write_overridden(twin, overrides.changed(read_settings(twin), shared), 0, {})
    write_overridden(folder, kept, step, {name: now[name] for name in change.overridden})


def _refuse_what_is_past(change: Change, saved: Saved, folder: RunFolder) -> None:
    settings, names = change.settings, change.overridden
    if not names:
        return
    if folder.is_finished() and settings.steps <= saved.step:
        raise ConfigError(
            f"{folder.root} is finished after {saved.step} steps, so --override would change nothing; give "
            f"it more steps too, as in --override steps --steps {2 * saved.step}, or start a new run."
        )
    if "steps" in names and settings.steps <= saved.step:
        raise ConfigError(
            f"--steps {settings.steps} is past: {folder.root} is at step {saved.step} already; give more."
        )
    if "select" in names and settings.select == "best" and saved.step > 0:
        raise ConfigError(
            "--override select cannot make it best: no network of the evaluations so far was kept; leave it "
            "out, or start a new run."
        )
    if RunFolder(folder.baseline).newest_checkpoint.is_file():
        raise ConfigError(
            f"The baseline of {folder.root} was trained with the settings as they are, so with --override "
            "the two could not be compared; go on without it, or start a new run."
        )


def _contradiction(name: str, value: object, saved: object, folder: RunFolder) -> str:
    reason = overrides.reason_to_keep(name)
    advice = (
        f"name it to change it, --override {name}" if reason is None else f"leave the option out ({reason})"
    )
    return (
        f"--{overrides.flag(name)} {_shown(name, value)} contradicts the run in {folder.root} "
        f"({_shown(name, saved)}), which --resume "
        f"continues as it was; {advice}, or start a new run."
    )


def _shown(name: str, value: object) -> object:
    """Return a value as it is given: that windows are left out is a word there."""
    return WHOLE if name == "window" and value is None else value


def _edit(name: str, before: object, now: object, folder: RunFolder) -> str:
    reason = overrides.reason_to_keep(name)
    advice = "restore it, or name it, --override " + name if reason is None else f"restore it ({reason})"
    return f"'{folder.config}' has {name}: {now}, but the run was trained with {before} so far; {advice}."
