"""The color of each class in a report: the data set's own, with or without the data at hand."""

from __future__ import annotations

import json
from collections.abc import Sequence

from safetensors import SafetensorError, safe_open

from mutualseg.reporting.pictures import Colors
from mutualseg.run_report.record import RunRecord
from mutualseg.run_report.tiles import legend_colors


def legend_of(record: RunRecord, colors: Colors | None) -> list[tuple[str, str]]:
    """Return name and CSS color of each class.

    Args:
        record: of the run.
        colors: those of its data; None: what its weights file says, else those of every other picture.
    """
    known = colors or _colors_in_weights(record)
    return list(zip(record.classes, legend_colors(len(record.classes), known), strict=True))


def _colors_in_weights(record: RunRecord) -> Sequence[tuple[int, int, int]] | None:
    try:
        with safe_open(record.folder.weights, framework="pt") as file:
            found = json.loads((file.metadata() or {})["mutualseg"]).get("colors")
        colors = [(int(red), int(green), int(blue)) for red, green, blue in found or ()]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    is_sound = len(colors) == len(record.classes) and all(0 <= part <= 255 for rgb in colors for part in rgb)
    return colors if is_sound and colors else None
