"""A later call: what it may add to a comparison, and what it may not change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutualseg.comparison.ablations import ABLATIONS
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS
from mutualseg.resolving import resolve_supervision

_GROWS = ("variants", "labeled")
"""Settings to which a later call may add entries, and must not change one."""
_LATER = ("unlabeled_images", "masks", "val_masks")
"""Facts that records of before did not have."""
_USED_TO_BE = {"supervision": resolve_supervision({}), "layout": "folder", "channels": 3}
"""Settings that records of before did not have because there was no choice, and what they were."""
_FOLDERS = ("data", "unlabeled")
"""Settings that are paths: several lead to one folder."""
_CONTENTS = {
    "images": "labeled images",
    "unlabeled": "unlabeled images",
    "unlabeled_images": "unlabeled images",
    "masks": "masks of labeled images",
    "val": "val images",
    "val_masks": "masks of val images",
}
"""Facts about the data, in words: their values tell a user nothing."""


def merge_settings(before: Mapping[str, Any] | None, now: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return an earlier call's settings and what this call adds.

    Raises:
        ConfigError: this call has another value for something; results would be mixed.
    """
    if before is None:
        return dict(now)
    for name in now:
        if name in _FOLDERS:
            _refuse_other_folders(name, before.get(name), now[name], out)
        elif name not in _GROWS and (name in before or name not in _LATER):
            _refuse_difference(name, before.get(name, _USED_TO_BE.get(name)), now[name], out)
    merged = dict(now)
    for name in _GROWS:
        for key, value in now[name].items():
            if key in before[name]:
                known = before[name][key]
                known = {fact: value[fact] for fact in _LATER if fact in value} | known
                known = {fact: usual for fact, usual in _USED_TO_BE.items() if fact in value} | known
                is_default = name == "variants" and (key in METHODS or key in ABLATIONS)
                _refuse_difference(f"{name} {key}", known, value, out, is_default=is_default)
        merged[name] = {**before[name], **now[name]}
    return merged


def _refuse_difference(name: str, before: Any, now: Any, out: Path, *, is_default: bool = False) -> None:
    """Raise ConfigError naming the first value that differs, however deep it lies."""
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            _refuse_difference(f"{name}.{key}", before.get(key), now.get(key), out, is_default=is_default)
    place, _, fact = name.rpartition(".")
    if fact in _CONTENTS and (place.startswith("labeled ") or fact.startswith("val")):
        raise ConfigError(
            f"{out} was made with other {_CONTENTS[fact]} than there are now, and results must not be mixed; "
            "restore the data, or name another --out."
        )
    shown = name.replace("_", "-") if "." not in name and " " not in name else name
    raise ConfigError(
        f"{out} was made with {shown} {_said(before)}, not {_said(now)}, "
        + ("which is the default by now, " if is_default else "")
        + "and results must not be mixed; use "
        + ("another --out." if is_default else "the same settings, or another --out.")
    )


def _refuse_other_folders(name: str, before: Any, now: Any, out: Path) -> None:
    """Raise ConfigError unless both are the same folders, whatever paths lead to them."""
    one, two = ([*map(os.path.realpath, _listed(value))] for value in (before, now))
    if one != two:
        _refuse_difference(name, before, now, out)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _said(value: Any) -> str:
    return "unset" if value is None else str(value)
