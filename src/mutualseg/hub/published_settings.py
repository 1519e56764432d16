"""config.json of a model on the Hub: what it is, how it was made, and nothing of its machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mutualseg.hub.downloads import LIBRARY
from mutualseg.networks.weights_license import OWN_FILE

_OF_TRAINING = (
    *("steps", "seed", "split_seed", "batch", "unlabeled_batch", "accumulate", "crop", "precision"),
    *("select", "views", "optimization", "supervision", "compile", "deterministic", "guard", "window"),
)
"""Settings of a run that name no file, no folder and no image."""


def published_settings(facts: Mapping[str, Any], settings: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return what config.json of a model holds.

    Args:
        facts: what its weights file says beside the tensors, its network among them.
        settings: of its run, as in config.yaml. Paths, and what names images, are left out.
        version: of this package.
    """
    method = settings.get("method")
    return {
        "library_name": LIBRARY,
        "model_type": LIBRARY,
        "version": version,
        "network": facts["network"],
        "classes": facts.get("classes"),
        "colors": facts.get("colors"),
        "image_code": facts.get("image_code"),
        "window": facts.get("window"),
        "precision": facts.get("precision"),
        "role": facts.get("role"),
        "step": facts.get("step"),
        "weights_license": facts.get("weights_license"),
        "method": dict(method) if isinstance(method, Mapping) else None,
        "starting_weights": _start(settings),
        "training": {name: settings[name] for name in _OF_TRAINING if name in settings},
    }


def _start(settings: Mapping[str, Any]) -> str:
    if settings.get("init") is not None:
        return "another run"
    weights = settings.get("weights")
    return weights if weights in ("imagenet", "none") else OWN_FILE
