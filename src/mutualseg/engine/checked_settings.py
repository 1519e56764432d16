"""The settings of a run that goes on, checked as those of a new one: config.yaml may have been edited."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mutualseg import resolving
from mutualseg.devices import PRECISIONS, refuse_compiled_checkpointing
from mutualseg.durations import parse_interval
from mutualseg.engine.collapse_guard import MODES
from mutualseg.engine.preparation import require_at_least
from mutualseg.engine.teachers import Teachers
from mutualseg.engine.tracking.choices import read_loggers
from mutualseg.errors import ConfigError
from mutualseg.evaluation.inference_options import read_window
from mutualseg.methods import DISTILLATION, method_class
from mutualseg.optimization import Optimization
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings, another_version
from mutualseg.supervision import Supervision
from mutualseg.typed_values import typed_values
from mutualseg.views.pipelines import UnlabeledViews

_CHOICES = {
    "precision": PRECISIONS,
    "select": ("last", "best"),
    "on_bad_image": ("error", "skip"),
    "guard": MODES,
}


def read_settings(folder: RunFolder) -> Settings:
    """Return the settings of a run folder.

    Raises:
        RunError: config.yaml is missing, damaged or of another version.
        ConfigError: a value in it cannot be.
    """
    source = str(folder.config)
    settings = Settings.from_dict(folder.read_config(), source)
    try:
        _refuse_another_version(settings, source)
        return checked(settings)
    except ConfigError as error:
        raise ConfigError(f"'{source}' cannot be used: {str(error).rstrip('.')}; restore it.") from None


def checked(settings: Settings) -> Settings:
    """Return settings with nested values in their types, once every value is one that `train` takes.

    Raises:
        ConfigError: one is not.
    """
    require_at_least(
        steps=(settings.steps, 1),
        batch=(settings.batch, 2),
        unlabeled_batch=(settings.unlabeled_batch, 2),
        accumulate=(settings.accumulate, 1),
        crop=(settings.crop, resolving.SMALLEST_CROP),
        devices=(settings.devices, 1),
        num_nodes=(settings.num_nodes, 1),
        workers=(settings.workers, 0),
        channels=(settings.channels, 1),
        evaluate_every=(settings.evaluate_every, 1),
    )
    parse_interval(settings.checkpoint_every, "checkpoint-every")
    read_window(settings.window)
    resolving.resolve_cache(settings.cache)
    read_loggers(settings.logger)
    for name, choices in _CHOICES.items():
        value = getattr(settings, name)
        if value not in choices:
            shown = name.replace("_", "-")
            raise ConfigError(f"--{shown} {value} is unknown; give {' or '.join(choices)}.")
    refuse_compiled_checkpointing(settings.compile, settings.activation_checkpointing)
    if (settings.method["name"] == DISTILLATION) != (settings.teachers is not None):
        raise ConfigError(f"teachers are those of the method {DISTILLATION}: both or none must be there.")
    if settings.teachers is not None:
        Teachers.from_plain(settings.teachers)
    method = {key: value for key, value in settings.method.items() if key != "name"}
    found = method_class(settings.method["name"])
    changed = replace(
        settings,
        method={"name": settings.method["name"]} | _typed("method", found, method, "build_network"),
        views=_typed("views", UnlabeledViews, settings.views, "crop"),
        optimization=_typed("optimization", Optimization, settings.optimization),
        supervision=_typed("supervision", Supervision, settings.supervision),
    )
    resolving.resolve_views(changed.views)
    resolving.resolve_optimization(changed.optimization)
    resolving.resolve_supervision(changed.supervision)
    return changed


def _typed(group: str, target: type[object], given: Mapping[str, Any], skip: str = "") -> dict[str, Any]:
    typed = typed_values(target, given, f"--{group}.{{}}", skip)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in typed.items()}


def _refuse_another_version(settings: Settings, source: str) -> None:
    """Raise RunError if the method's arguments are not those of now: a default must not slip into a run."""
    name = settings.method.get("name")
    if not isinstance(name, str):
        raise another_version(source, "method.name")
    known = set(inspect.signature(method_class(name)).parameters)
    wrong = sorted((known - {"build_network"}) ^ (set(settings.method) - {"name"}))
    if wrong:
        raise another_version(source, f"method.{wrong[0]}")
