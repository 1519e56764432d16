"""Training methods by name; a class is imported only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from mutualseg.methods.base import Method

METHODS = {
    "mutual": ("mutualseg.methods.mutual", "Mutual"),
    "labels_only": ("mutualseg.methods.labels_only", "LabelsOnly"),
}
"""Method name to module and class."""


def method_class(name: str) -> type[Method]:
    """Return a method's class; raise ConfigError naming the nearest for an unknown name."""
    if name not in METHODS:
        nearest = difflib.get_close_matches(name, METHODS, 1, 0.0)[0]
        raise ConfigError(
            f"There is no method '{name}'; did you mean '{nearest}'? The methods are {', '.join(METHODS)}."
        )
    module, attribute = METHODS[name]
    found: type[Method] = getattr(importlib.import_module(module), attribute)
    return found
