"""Signs that pseudo-labels collapse: pure functions of what `PseudoLabelMonitor` saw at two evaluations."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

Row = Mapping[str, float | None]
"""Numbers of one evaluation by name, in percent (see `PseudoLabelMonitor.percentages`)."""

CLASS_GONE = "class_gone"
FEW_KEPT = "few_kept"
LESS_RIGHT = "accuracy_below_burn_in"

LEAST_TRUE_SHARE = 0.5
"""Percent of val's pixels below which a class is not watched: what is counted of it is noise."""
ALIVE = 0.1
"""A class with this part of its true share among the sure labels, or more, is alive;"""
GONE = 0.01
"""with less than this part it is gone. Between them it may rest: most networks are seldom sure of some."""
ENOUGH_KEPT, ENOUGH_RIGHT = 5.0, 50.0
"""Percent of the pixels that are sure, and of these right, below which shares tell nothing of life."""
LEAST_KEPT = 1.0
"""Percent of the pixels; with fewer sure labels nothing is taught."""
LEAST_LOSS = 1.0
"""Percentage points of accuracy that evaluations of a sound run may lose, if they are far apart;"""
LOSS_OF_ONE_STEP = 10.0
"""as many if one step lies between them: networks that have learned little waver."""


class Finding(NamedTuple):
    """One sign of collapse."""

    kind: str
    """`CLASS_GONE`, `FEW_KEPT` or `LESS_RIGHT`."""
    class_name: str
    """The class that is gone; empty for the other kinds."""
    fact: str
    """What was seen, without a period."""


def living_classes(row: Row, classes: Sequence[str]) -> list[str]:
    """Return the watched classes with a fair part of the sure labels; none if these are mostly wrong."""
    if (row["kept"] or 0.0) < ENOUGH_KEPT or (row["kept_accuracy"] or 0.0) < ENOUGH_RIGHT:
        return []
    return [name for name, part in _parts(row, classes).items() if part >= ALIVE]


def allowed_loss(steps: int) -> float:
    """Return the percentage points of accuracy that may be lost in some steps by chance."""
    return max(LEAST_LOSS, LOSS_OF_ONE_STEP / math.sqrt(max(steps, 1)))


def find_collapse(
    now: Row,
    reference: Row,
    *,
    classes: Sequence[str],
    alive: Collection[str],
    is_settled: bool,
    steps: int,
) -> list[Finding]:
    """Return every sign of collapse at an evaluation at which pseudo-labels teach.

    Args:
        now: what was seen.
        reference: what was seen before pseudo-labels taught, or first of all.
        classes: names in index order.
        alive: classes that were alive at the reference or since.
        is_settled: whether the unlabeled terms have risen to their weight.
        steps: between the two evaluations.
    """
    findings = []
    kept = now["kept"] or 0.0
    if kept >= LEAST_KEPT:  # of fewer labels the shares are noise
        for name, part in _parts(now, classes).items():
            if name in alive and part < GONE:
                fact = (
                    f"class '{name}' is gone from the sure pseudo-labels on the val images, of which it has "
                    f"{now[f'kept_share {name}']:.2f}%, and {now[f'true_share {name}']:.2f}% of the pixels"
                )
                findings.append(Finding(CLASS_GONE, name, fact))
    elif is_settled:
        fact = f"{kept:.2f}% of the pseudo-labels on the val images are sure enough to teach"
        findings.append(Finding(FEW_KEPT, "", fact))
    accuracy, before = now["accuracy"], reference["accuracy"]
    if accuracy is not None and before is not None and accuracy < before - allowed_loss(steps):
        fact = (
            f"{accuracy:.1f}% of the pseudo-labels on the val images are right, and {before:.1f}% were "
            "before they taught"
        )
        findings.append(Finding(LESS_RIGHT, "", fact))
    return findings


def _parts(row: Row, classes: Sequence[str]) -> dict[str, float]:
    """Return each watched class's share of the sure labels over its share of all pixels."""
    found = {}
    for name in classes:
        true, kept = row[f"true_share {name}"], row[f"kept_share {name}"]
        if true is not None and kept is not None and true >= LEAST_TRUE_SHARE:
            found[name] = kept / true
    return found
