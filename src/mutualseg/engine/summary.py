"""summary.json: what a finished run reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mutualseg.data.skipping import SkippedFile
from mutualseg.data.splits import Split
from mutualseg.evaluation.metrics import Scores
from mutualseg.provenance import provenance
from mutualseg.settings import Settings


def summarize(
    settings: Settings,
    split: Split,
    classes: Sequence[str],
    scores: Mapping[str, Scores],
    *,
    monitor: Mapping[str, float | None],
    warnings: Sequence[Mapping[str, Any]],
    skipped_steps: int,
    deployed: str,
    recorded: Mapping[str, Sequence[float]],
    training_seconds: float,
    evaluation_seconds: float,
    peak_memory_mb: float | None,
    weights_license: str | None,
    skipped: Sequence[SkippedFile] = (),
) -> dict[str, Any]:
    """Return the summary of a run.

    Args:
        settings: of the run.
        split: of the run.
        classes: names in index order.
        scores: of every network at the last step.
        monitor: numbers about pseudo-labels at the last step, in percent.
        warnings: what the guard of the pseudo-labels said: `step`, `kind` and `message` of each.
        skipped_steps: steps that changed nothing, since their loss or gradient was not finite.
        deployed: role of the network whose scores are the run's.
        recorded: mIoU of every network at each evaluation.
        training_seconds: spent on steps.
        evaluation_seconds: spent on evaluations.
        peak_memory_mb: most memory that was in use at once; None where that cannot be known.
        weights_license: of the weights that the run started from; None: of no weights.
        skipped: images that were left out.
    """
    score = scores[deployed]
    best = {role: round(max([*recorded[role], each.miou]), 4) for role, each in scores.items()}

    return {
        "method": settings.method["name"],
        "method_arguments": {name: value for name, value in settings.method.items() if name != "name"},
        "optimization": dict(settings.optimization),
        "supervision": dict(settings.supervision),
        "crop": settings.crop,
        "window": settings.window,
        "batch": settings.batch,
        "unlabeled_batch": settings.unlabeled_batch,
        "device": settings.device,
        "precision": settings.precision,
        "threads": torch.get_num_threads(),
        "weights_license": weights_license,
        "seed": settings.seed,
        "split_seed": settings.split_seed,
        "steps": settings.steps,
        "seconds": round(training_seconds + evaluation_seconds, 1),
        "training_seconds": round(training_seconds, 1),
        "peak_memory_mb": peak_memory_mb,
        "labeled_images": len(split.labeled),
        "unlabeled_images": len(split.unlabeled),
        "val_images": len(split.val),
        "val_from": split.val_from,
        "miou": round(score.miou, 4),
        "miou_best": best[deployed],
        "select": settings.select,
        "per_class_iou": named_iou(score, classes),
        "networks": {role: round(each.miou, 4) for role, each in scores.items()},
        "networks_best": best,
        "deployed": deployed,
        "pixel_accuracy": round(score.pixel_accuracy, 4),
        "networks_per_class_iou": {role: named_iou(each, classes) for role, each in scores.items()},
        "monitor": dict(monitor),
        "warnings": [dict(each) for each in warnings],
        "skipped_steps": skipped_steps,
        "skipped_images": [file._asdict() for file in skipped],
        "notes": list(split.notes),
        **provenance(),
    }


def named_iou(scores: Scores, classes: Sequence[str]) -> dict[str, float | None]:
    """Return IoU in percent by class name, None for a class that does not occur."""
    rounded = (None if value is None else round(value, 4) for value in scores.per_class)
    return dict(zip(classes, rounded, strict=True))


def counted_network(method: str, networks: Mapping[str, float], deployed: str) -> str:
    """Return the role of the one network whose mIoU counts.

    It is the deployed one. Of training on labels alone it is the better of the network and its average, so
    that the opponent is as strong as it can be. The mean of both teachers is two networks: it never counts.
    """
    if method != "labels_only":
        return deployed
    single = {role: miou for role, miou in networks.items() if role != "teachers_mean"}
    return max(single, key=lambda role: (single[role], role == deployed))
