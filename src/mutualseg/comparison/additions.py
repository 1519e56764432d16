"""A later call: what it may add to a comparison, and what it may not change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutualseg.comparison.ablations import ABLATIONS
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS

_GROWS = ("variants", "labeled")
"""Settings to which a later call may add entries, and must not change one."""
_LATER = "unlabeled_images"
"""A fact of an amount that records of before did not have."""


def merge_settings(before: Mapping[str, Any] | None, now: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Return an earlier call's settings and what this call adds.

    Raises:
        ConfigError: this call has another value for something; results would be mixed.
    """
    if before is None:
        return dict(now)
    for name in now:
        if name not in _GROWS:
            _refuse_difference(name, before.get(name), now[name], out)
    merged = dict(now)
    for name in _GROWS:
        for key, value in now[name].items():
            if key in before[name]:
                known = before[name][key]
                if _LATER in value:
                    known = {_LATER: value[_LATER], **known}
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
    shown = name.replace("_", "-") if "." not in name and " " not in name else name
    raise ConfigError(
        f"{out} was made with {shown} {_said(before)}, not {_said(now)}, "
        + ("which is the default by now, " if is_default else "")
        + "and results must not be mixed; use "
        + ("another --out." if is_default else "the same settings, or another --out.")
    )


def _said(value: Any) -> str:
    return "unset" if value is None else str(value)
