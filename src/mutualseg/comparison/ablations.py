"""The parts of mutual knowledge distillation, each changed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

FULL = "mutual"
"""The method whose parts these are; its defaults are the full recipe."""
ALL = "all"
"""What a bare `--ablation` means."""

ABLATIONS: dict[str, Mapping[str, Mapping[str, Any]]] = {
    "no_other_teacher": {"method": {"teacher_weight": 0.0}},
    "own_teacher": {"method": {"taught_by": "own"}},
    "no_peer": {"method": {"peer_weight": 0.0}},
    "no_augment_students": {"method": {"augment_students": False}},
    # The full recipe leaves teachers as they are, so here the part is added.
    "augment_teachers": {"method": {"augment_teachers": True}},
    "no_cutmix": {"views": {"cutmix_boxes": 0}},
    "no_strong_view": {"views": {"strong": False}},
    "no_burn_in": {"method": {"burn_in": 0.0}},
    "no_cooldown": {"method": {"cooldown": 0.0}},
    "no_threshold": {"method": {"threshold": 0.0, "peer_threshold": 0.0}},
    "no_adaptive_threshold": {"method": {"adaptive_threshold": False}},
    "no_class_balance": {"method": {"class_balance": 0.0}},
    # As said whatever a run's length, where the full recipe limits how far back an average reaches.
    "ema_0.6": {"method": {"ema": 0.6, "ema_reach": 1.0}},
    "ema_0.99": {"method": {"ema": 0.99, "ema_reach": 1.0}},
    "ema_0.996": {"method": {"ema": 0.996, "ema_reach": 1.0}},
    "ema_0.999": {"method": {"ema": 0.999, "ema_reach": 1.0}},
}
"""Name to the arguments that differ from the full recipe: the method's and the views'."""


def chosen_ablations(names: Sequence[str]) -> list[str]:
    """Return the names asked for, or all of them.

    Raises:
        ConfigError: there is no such ablation.
    """
    if ALL in names:
        return list(ABLATIONS)
    for name in names:
        if name not in ABLATIONS:
            refusal = unknown_name(f"ablation '{name}'", name, ABLATIONS)
            raise ConfigError(f"{refusal} The ablations are {', '.join(ABLATIONS)}.")
    return list(names)
