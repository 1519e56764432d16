"""Overridden settings in config.yaml: a comment line each time, so that none is taken for an edit by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mutualseg.engine.overrides import put
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings

_NOTE = "overridden at step "


def write_overridden(folder: RunFolder, settings: Settings, step: int, values: Mapping[str, Any]) -> None:
    """Write config.yaml anew, under the comments that it has and one about what is overridden.

    Args:
        folder: of the run.
        settings: all of them.
        step: at which the run goes on.
        values: overridden ones by name; none is possible.
    """
    comments = _comments(folder)
    if values:
        comments.append(f"{_NOTE}{step}: {json.dumps(dict(values), ensure_ascii=False)}")
    folder.write_config(settings.to_dict(), comment="\n# ".join(comments) or None)


def with_noted(folder: RunFolder, saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's settings with those in their place that config.yaml says were overridden since.

    All that were ever overridden are put there, in order: the last ones count, which a later checkpoint has.
    """
    changed = dict(saved)
    for line in _comments(folder):
        if not line.startswith(_NOTE):
            continue
        try:
            values = json.loads(line.removeprefix(_NOTE).partition(": ")[2])
        except ValueError:
            continue
        for name, value in values.items() if isinstance(values, dict) else ():
            put(changed, name, value)
    return changed


def began_with_budget(folder: RunFolder, budget: object) -> bool:
    """Whether a run's steps are what this budget became when it began."""
    return any(line.startswith(f"--budget {budget} is ") for line in _comments(folder))


def _comments(folder: RunFolder) -> list[str]:
    lines = folder.config.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# ") for line in lines if line.startswith("# ")]
