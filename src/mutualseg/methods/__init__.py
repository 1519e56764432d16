"""Training methods by name; a class is imported only when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

if TYPE_CHECKING:
    from mutualseg.methods.base import Method

METHODS = {
    "mutual": ("mutualseg.methods.mutual", "Mutual"),
    "labels_only": ("mutualseg.methods.labels_only", "LabelsOnly"),
    "mean_teacher": ("mutualseg.methods.mean_teacher", "MeanTeacherCutMix"),
    "cps": ("mutualseg.methods.cps", "CrossPseudoSupervision"),
    "fixmatch": ("mutualseg.methods.fixmatch", "FixMatch"),
    "unimatch": ("mutualseg.methods.unimatch", "UniMatch"),
    "unimatch_v2": ("mutualseg.methods.unimatch_v2", "UniMatchV2"),
}
"""Method name to module and class, in the order of help and tables."""

DISTILLATION = "distillation"
"""What the run of `mutualseg distill` is called: it needs a finished run, so that nobody can choose it."""

_OF_VERBS = {DISTILLATION: ("mutualseg.methods.distillation", "Distillation")}


def method_class(name: str) -> type[Method]:
    """Return a method's class; raise ConfigError naming the nearest for an unknown name."""
    if name not in METHODS and name not in _OF_VERBS:
        refusal = unknown_name(f"method '{name}'", name, METHODS)
        raise ConfigError(f"{refusal} The methods are {', '.join(METHODS)}.")
    module, attribute = (METHODS | _OF_VERBS)[name]
    found: type[Method] = getattr(importlib.import_module(module), attribute)
    return found
