"""The charts of a report: losses, scores and pseudo-labels over the steps of one run or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from mutualseg.run_report.charts import Chart, Line, line_chart, sparkline
from mutualseg.run_report.event_curves import Points
from mutualseg.run_report.facts import role_in_words
from mutualseg.run_report.record import Rows, RunRecord, counted_role

_APART = "disagree"
"""Part of the name of what is logged of disagreement."""


class ClassShare(NamedTuple):
    """How often a class is among the labels that teach."""

    name: str
    color: str
    kept: float | None
    """Percent of the sure labels, at the last evaluation."""
    true: float | None
    """Percent of all pixels."""
    line: Markup | None
    """`kept` over steps."""


def training_charts(record: RunRecord) -> list[Chart]:
    """Return loss and mIoU over steps."""
    losses = [
        Line(role_in_words(name), points, is_main=name == "loss")
        for name, points in record.curves.items()
        if name != "kept" and _APART not in name
    ]
    if not losses:
        losses = [Line("loss", column(record.metrics, "loss"), is_main=True)]
    losses.sort(key=lambda line: not line.is_main)
    main = f"miou_{record.deployed}"
    names = [name for name in (record.metrics[0] if record.metrics else ()) if name.startswith("miou_")]
    names.sort(key=lambda name: name != main)
    scores = [
        Line(role_in_words(name.removeprefix("miou_")), column(record.metrics, name), is_main=name == main)
        for name in names
    ]
    if record.twin is not None:
        scores.insert(1, Line("labels only", _miou(record.twin)))
    charts = [line_chart("Loss", losses, low=0), line_chart("mIoU on val, in percent", scores, unit=" %")]
    return [chart for chart in charts if chart is not None]


def pseudo_label_charts(record: RunRecord) -> list[Chart]:
    """Return how many labels teach, how many are right, and where networks disagree."""
    rows = record.monitor
    kept = [
        Line("sure enough to teach", column(rows, "kept"), is_main=True),
        Line("right among the sure", column(rows, "kept_accuracy")),
        Line("right among all", column(rows, "accuracy")),
    ]
    names = [name for name in (rows[0] if rows else ()) if name.startswith("disagree_")]
    apart = [Line(_pair(name), column(rows, name)) for name in names]
    in_steps = [Line("sure enough to teach", _percent(record.curves.get("kept", ())), is_main=True)]
    in_steps += [
        Line(role_in_words(name), _percent(points))
        for name, points in record.curves.items()
        if _APART in name
    ]
    charts = [
        line_chart("Pseudo-labels on val, in percent of the pixels", kept, unit=" %", low=0, high=100),
        line_chart("Disagreement on val, in percent of the pixels", apart, unit=" %", low=0),
        line_chart("While training, on unlabeled crops, in percent", in_steps, unit=" %", low=0, high=100),
    ]
    return [chart for chart in charts if chart is not None]


def class_shares(record: RunRecord, colors: Sequence[str]) -> list[ClassShare]:
    """Return each class's share of the labels that teach, beside its true share."""
    found = []
    for name, color in zip(record.classes, colors, strict=False):
        kept = column(record.monitor, f"kept_share {name}")
        true = column(record.monitor, f"true_share {name}")
        if not true:
            continue
        text = f"Share of {name} among the sure labels over steps: " + (
            f"{kept[0][1]:.1f} % at step {kept[0][0]}, {kept[-1][1]:.1f} % at step {kept[-1][0]}."
            if kept
            else ""
        )
        last = record.monitor[-1].get(f"kept_share {name}")
        found.append(ClassShare(name, color, last, true[-1][1], sparkline(kept, text) if kept else None))
    return found


def compared_charts(records: Sequence[RunRecord]) -> list[Chart]:
    """Return loss, mIoU, what is known of the pseudo-labels, and disagreement over steps, a line per run."""
    charts = [
        line_chart("Loss", [Line(each.name, _loss(each)) for each in records], low=0),
        line_chart(
            "mIoU on val, in percent",
            [Line(each.name, _miou(each)) for each in records],
            unit=" %",
        ),
        line_chart(
            "Pseudo-labels sure enough to teach on val, in percent of the pixels",
            [Line(each.name, column(each.monitor, "kept")) for each in records],
            unit=" %",
            low=0,
            high=100,
        ),
        line_chart(
            "Right among the sure labels on val, in percent",
            [Line(each.name, column(each.monitor, "kept_accuracy")) for each in records],
            unit=" %",
        ),
        line_chart(
            "Disagreement on val, mean over pairs of networks, in percent of the pixels",
            [Line(each.name, _mean_disagreement(each.monitor)) for each in records],
            unit=" %",
            low=0,
        ),
    ]
    return [chart for chart in charts if chart is not None]


def column(rows: Rows, name: str) -> Points:
    """Return what is finite in one column of a run's table over steps."""
    pairs = [(row["step"], row.get(name)) for row in rows]
    return [
        (int(step), value)
        for step, value in pairs
        if step and value is not None and math.isfinite(step) and math.isfinite(value)
    ]


def _mean_disagreement(rows: Rows) -> Points:
    means = []
    for row in rows:
        known = [value for name, value in row.items() if name.startswith("disagree_") and value is not None]
        means.append({"step": row["step"], "mean": sum(known) / len(known) if known else None})
    return column(means, "mean")


def _loss(record: RunRecord) -> Points:
    return record.curves.get("loss") or column(record.metrics, "loss")


def _miou(record: RunRecord) -> Points:
    """Return the mIoU of the network that counts."""
    return column(record.metrics, f"miou_{counted_role(record)}")


def _percent(points: Points) -> Points:
    return [(step, 100 * value) for step, value in points]


def _pair(name: str) -> str:
    """Return disagree_student_a_teacher_b as `student a and teacher b`."""
    words = name.removeprefix("disagree_").split("_")
    return f"{' '.join(words[:2])} and {' '.join(words[2:])}"
