"""What may be claimed from a few runs: pure functions of their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any, Literal

Verdict = Literal["ahead", "behind", "tie", "one seed"]


def spread(values: Iterable[float]) -> float:
    """Return the largest less the smallest."""
    known = list(values)
    return max(known) - min(known)


def verdict(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Verdict | None:
    """Compare two methods by their mIoU of each seed; seeds that one of them lacks do not count.

    A lead counts if it is there on every seed, and in the mean is larger than what a seed changes: the
    larger of both spreads.

    Returns:
        How ours stands to theirs; None if they have no seed in common.
    """
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    if len(seeds) == 1:
        return "one seed"
    leads = [ours[seed] - theirs[seed] for seed in seeds]
    noise = max(spread(scores[seed] for seed in seeds) for scores in (ours, theirs))
    if abs(mean(leads)) > noise:
        if min(leads) > 0:
            return "ahead"
        if max(leads) < 0:
            return "behind"
    return "tie"


def gain(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """Return the mean lead over the seeds that both have; None if there is none."""
    leads = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
    return mean(leads) if leads else None


def verdicts_of(
    scores: Mapping[int, Mapping[str, Mapping[int, float]]], champion: str
) -> list[dict[str, Any]]:
    """Return how one label stands to each other one.

    Args:
        scores: mIoU by labeled images, label and seed.
        champion: the label.
    """
    found = []
    for images, by_label in sorted(scores.items()):
        ours = by_label.get(champion, {})
        for rival, theirs in by_label.items():
            said = None if rival == champion else verdict(ours, theirs)
            lead = gain(ours, theirs)
            if said is not None and lead is not None:
                found.append(
                    {
                        "label": champion,
                        "rival": rival,
                        "labeled_images": images,
                        "verdict": said,
                        "lead": round(lead, 4),
                    }
                )
    return found
