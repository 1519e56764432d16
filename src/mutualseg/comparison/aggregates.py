"""From a row per run to a row per label and number of labeled images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from mutualseg.comparison.verdicts import gain, spread, verdict

BASELINE = "labels_only"


COLUMNS = {"val": "miou", "test": "test_miou"}
"""By part of the data, where a row has the mIoU on it."""


def scores_of(rows: Iterable[Mapping[str, Any]], part: str = "val") -> dict[int, dict[str, dict[int, float]]]:
    """Return the mIoU of finished runs on a part by labeled images, label and seed."""
    scores: dict[int, dict[str, dict[int, float]]] = {}
    for row in rows:
        by_seed = scores.setdefault(row["labeled_images"], {}).setdefault(row["label"], {})
        if row["status"] == "finished" and row.get(COLUMNS[part]) is not None:
            by_seed[row["seed"]] = row[COLUMNS[part]]
    return scores


def table_of(
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    aliases: Mapping[str, str],
    champion: str | None,
    part: str = "val",
) -> list[dict[str, Any]]:
    """Return a row per number of labeled images and label.

    Args:
        rows: one per run, as in comparison.json.
        labels: in the order of the table.
        aliases: labels that stand for the runs of another label.
        champion: the label that the others are held against; None leaves verdicts out.
        part: val or test, on whose mIoU gains and verdicts are.
    """
    scores = scores_of(rows, part)
    baseline = aliases.get(BASELINE, BASELINE)
    table = []
    for images in sorted(scores):
        for label in labels:
            source = aliases.get(label, label)
            own = [row for row in rows if (row["labeled_images"], row["label"]) == (images, source)]
            if own:
                same_as = {} if source == label else {"same_as": source}
                against = {} if source == baseline else scores[images].get(baseline, {})
                held = scores[images].get(champion or "", {}), scores[images][source]
                table.append(
                    {"label": label, "labeled_images": images, **same_as}
                    | _statistics(own)
                    | {
                        "gain": _rounded(gain(held[1], against)),
                        "verdict": None if source == champion else verdict(*held),
                    }
                )
    return table


def _statistics(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means and spreads over the finished ones of the runs of one label and amount."""
    finished = [row for row in rows if row["status"] == "finished"]
    values = {
        name: [row[name] for row in finished if row.get(name) is not None]
        for name in ("miou", "miou_best", "minutes", "peak_memory_mb", "test_miou")
    }
    per_class = [row["per_class_iou"] for row in finished if row.get("per_class_iou")]
    known_classes = {"per_class_iou": _class_means(per_class)} if per_class else {}
    return {
        "seeds": sorted(row["seed"] for row in finished),
        "runs": len(rows),
        "miou": _rounded(mean(values["miou"]) if finished else None),
        "miou_spread": _rounded(spread(values["miou"]) if len(finished) > 1 else None),
        "miou_best": _rounded(mean(values["miou_best"]) if finished else None),
        "test_seeds": sorted(row["seed"] for row in finished if row.get("test_miou") is not None),
        "test_miou": _rounded(mean(values["test_miou"]) if values["test_miou"] else None),
        "test_miou_spread": _rounded(spread(values["test_miou"]) if len(values["test_miou"]) > 1 else None),
        "minutes": _rounded(mean(values["minutes"]) if finished else None),
        "peak_memory_mb": max(values["peak_memory_mb"], default=None),
        **known_classes,
    }


def _class_means(runs: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return each class's mean over runs, which share their val images; None for a class absent from them."""
    known = {name: [iou for run in runs if (iou := run.get(name)) is not None] for name in runs[0]}
    return {name: _rounded(mean(values)) if values else None for name, values in known.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
