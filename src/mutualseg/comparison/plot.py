"""mIoU against the number of labeled images, a line per method and a point per seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mutualseg.atomic_files import replacing
from mutualseg.comparison.aggregates import scores_of

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
"""Okabe and Ito's, which color-blind readers can tell apart."""
_MARKERS = "osD^vPX*<>"
"""Another number of them than of colors, so that pairs differ for long."""


def draw_plot(record: Mapping[str, Any], path: Path) -> None:
    """Write the plot of a comparison as PNG.

    Args:
        record: content of comparison.json.
        path: the file.
    """
    # A canvas of its own: no state of pyplot's is touched, and no display is needed.
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    part = record["part"]
    scores = scores_of(record["runs"], part)
    amounts = sorted(scores)
    labels = list(dict.fromkeys(label for by_label in scores.values() for label in by_label))
    for index, label in enumerate(labels):
        points = [(images, list(scores[images].get(label, {}).values())) for images in amounts]
        known = [(images, values) for images, values in points if values]
        if not known:
            continue
        color, marker = _COLORS[index % len(_COLORS)], _MARKERS[index % len(_MARKERS)]
        # Side by side where all would stand on one vertical line.
        shift = 2 ** (0.3 * (index / max(1, len(labels) - 1) - 0.5)) if len(amounts) == 1 else 1.0
        axes.plot(
            [images * shift for images, _ in known],
            [mean(values) for _, values in known],
            color=color,
            marker=marker,
            markersize=8,
            label=label,
        )
        axes.plot(
            [images * shift for images, values in known for _ in values],
            [value for _, values in known for value in values],
            color=color,
            marker=marker,
            markersize=4,
            linestyle="none",
            alpha=0.55,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(amounts, [str(images) for images in amounts])
    axes.set_xticks([], minor=True)
    if len(amounts) == 1:
        axes.set_xlim(amounts[0] / 1.4, amounts[0] * 1.4)
    axes.set_xlabel("labeled images" if len(amounts) > 1 else "labeled images (methods side by side)")
    axes.set_ylabel(f"{part} mIoU at the last step (%)")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        legend = figure.legend(loc="outside right upper", frameon=False, title="mean; small: each seed")
        for text in legend.get_texts():
            text.set_parse_math(False)  # a label with $ is a name, and no formula
    else:
        axes.set_title(f"no run has a score on {part}", fontsize="medium")
    with replacing(path) as partial:
        figure.savefig(partial, dpi=150, format="png")
