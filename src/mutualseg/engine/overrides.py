"""`train --resume RUN --override KEYS`: which settings of a begun run may change, and into what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.devices import resolve_device, resolve_precision
from mutualseg.engine.tracking.choices import read_loggers
from mutualseg.errors import ConfigError
from mutualseg.evaluation.inference_options import read_window
from mutualseg.hub.addresses import is_address
from mutualseg.nearest import unknown_name
from mutualseg.settings import Settings
from mutualseg.supervision import BALANCED

FREE = ("workers", "cache", "checkpoint_every", "logger")
"""Settings that change no result: they may always be given anew."""

_STARTED = ("weights", "init")
"""What networks start from, of which a checkpoint needs nothing any more."""
_OTHER_NETWORKS = "the checkpoint holds other networks"
_OTHER_IMAGES = "the run's split.json says which images it trains on and how they are read"
_FIXED = {
    **dict.fromkeys(("network", "encoder", "method", "method.name", "method.decoder_b"), _OTHER_NETWORKS),
    **dict.fromkeys(("unlabeled", "labeled", "group", "split_seed", "layout", "ignore"), _OTHER_IMAGES),
    **dict.fromkeys(("channels", "image_code", "mask_code"), _OTHER_IMAGES),
    **dict.fromkeys(_STARTED, "the checkpoint holds the weights"),
    "optimization.optimizer": "the checkpoint holds the state of the other one",
    "accumulate": "the checkpoint counts the batches of a step",
    "teachers": "other networks would teach",
    "with_baseline": "a baseline begins with its run",
    "budget": "a run is made of steps once it has begun: name those",
}
"""Settings that a run keeps, each with the reason."""

_GROUPS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "method": resolving.resolve_method,
    "views": resolving.resolve_views,
    "optimization": resolving.resolve_optimization,
    "supervision": resolving.resolve_supervision,
}


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by their names, those of a group as `views.flip`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in _GROUPS and isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def put(plain: dict[str, Any], name: str, value: Any) -> None:
    """Put a value under a name that `flat` returns into settings; a group is replaced, not changed."""
    group, _, inner = name.partition(".")
    plain[group] = {**plain[group], inner: value} if inner else value


def read_names(override: str | Iterable[str], settings: Settings) -> tuple[str, ...]:
    """Return the settings that `--override` names, as they are spelled in config.yaml.

    Args:
        override: names, several in one text parted by commas or spaces.
        settings: of the run.

    Raises:
        ConfigError: there is no such setting, or the run keeps it.
    """
    words = [override] if isinstance(override, str) else [str(word) for word in override]
    given = [part.lstrip("-") for word in words for part in word.replace(",", " ").split()]
    names = tuple(dict.fromkeys(name.replace("-", "_") for name in given))
    known = {*flat(settings.to_dict()), *_FIXED}
    for name in names:
        if name not in known:
            raise ConfigError(unknown_name(f"setting '{name}' to override", name, sorted(known)))
        if name in _FIXED:
            raise ConfigError(
                f"--override {name} cannot be: {_FIXED[name]}; leave it out, or start a new run."
            )
    return names


def edited(before: Mapping[str, Any], now: Settings) -> dict[str, tuple[Any, Any]]:
    """Return what differs in config.yaml from what a checkpoint was trained with, as (then, now) by name."""
    then, current = flat(before), flat(now.to_dict())
    skipped = (*FREE, *_STARTED, "teachers")  # teachers are known by their digest, wherever they are now
    return {
        name: (then[name], value)
        for name, value in current.items()
        if name in then and name not in skipped and not same(then[name], value)
    }


def asked_changes(settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options given beside --resume that differ from the run's, by name.

    `auto` never does: the run has made it a value.

    Args:
        settings: of the run.
        given: options under the names of `train`; None is not given.
    """
    own = flat(settings.to_dict())
    changes: dict[str, Any] = {}
    for name, value in _flat_given(given).items():
        if value is None or value == resolving.AUTO:
            continue
        if name == "supervision.class_weights" and value == BALANCED and isinstance(own[name], list):
            continue  # the list is what `balanced` became when the run began
        if name == "init" and is_address(value) and str(own[name]).startswith(f"{value}@"):
            continue  # the commit that it named when the run began
        asked = _as_saved(name, value)
        if not same(own.get(name), asked):
            changes[name] = asked
    return changes


def changed(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return settings with others in their place, each made a value as `train` does; data are not looked at.

    Raises:
        ConfigError: a value cannot be.
    """
    plain = settings.to_dict()
    for name, value in values.items():
        put(plain, name, value)
    if "device" in values:
        plain["device"] = resolve_device(str(plain["device"]))
    if "precision" in values:
        plain["precision"] = resolve_precision(str(plain["precision"]), plain["device"])
    known = {each.name for each in fields(Settings)}
    return replace(settings, **{name: value for name, value in plain.items() if name in known})


def same(one: object, two: object) -> bool:
    """Whether two values of a setting mean the same: a list and a tuple do, and 1 and 1.0, but not True."""
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return isinstance(one, bool) == isinstance(two, bool) and (one == two or str(one) == str(two))


def flag(name: str) -> str:
    """Return a setting's option without its dashes."""
    return name if "." in name else name.replace("_", "-")


def reason_to_keep(name: str) -> str | None:
    """Return why a run cannot change a setting, None if it can."""
    return _FIXED.get(name)


def _flat_given(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return given options by their names; a group's must be ones that there are."""
    values = dict(given)
    for group, resolve in _GROUPS.items():
        if values.get(group) is None:
            values.pop(group, None)
            continue
        of_group = {"name": values[group]} if isinstance(values[group], str) else dict(values[group])
        resolve(of_group)
        values[group] = of_group
    return flat(values)


def _as_saved(name: str, value: Any) -> Any:
    """Return an option as config.yaml has it."""
    if name == "window":
        return read_window(value)
    if name == "logger":
        return read_loggers(value)
    if name == "unlabeled":
        many = [value] if isinstance(value, str | Path) else list(value)
        return [str(Path(each).absolute()) for each in many]
    if name == "data" and value == resolving.GENERATED:
        return value
    if name in ("data", "labeled", "weights", "init") and isinstance(value, str | Path):
        return str(Path(value).absolute()) if Path(value).exists() else str(value)
    return value
