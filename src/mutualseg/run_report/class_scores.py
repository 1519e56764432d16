"""IoU of each class, of one network or several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Scores = Mapping[str, float | None]
"""IoU in percent by class; None for a class that val does not hold."""


class ClassRow(NamedTuple):
    """One class in the table."""

    name: str
    color: str
    values: Sequence[float | None]
    """IoU in percent of each network."""
    gain: float | None
    """Of the first network over the second."""
    true: float | None
    """Percent of val's pixels."""
    best: float | None
    """The largest of the values, if there are several."""


class Totals(NamedTuple):
    """The last row of the table."""

    values: Sequence[float | None]
    """mIoU of each network."""
    gain: float | None
    """Of the first over the second, where that is what is asked."""


def class_rows(
    classes: Sequence[str],
    colors: Sequence[str],
    several: Sequence[Scores],
    true_shares: Mapping[str, float | None],
) -> list[ClassRow]:
    """Return a row per class.

    Args:
        classes: names in index order.
        colors: of the classes, as CSS has them.
        several: of each network.
        true_shares: percent of val's pixels by class.
    """
    rows = []
    for name, color in zip(classes, colors, strict=False):
        values = [own.get(name) for own in several]
        known = [value for value in values if value is not None]
        first, second = values[0], values[1] if len(values) == 2 else None
        gain = None if first is None or second is None else first - second
        best = max(known) if len(known) > 1 else None
        rows.append(ClassRow(name, color, values, gain, true_shares.get(name), best))
    return rows


def true_shares(summary: Mapping[str, Any] | None, monitor: Sequence[Mapping[str, float | None]]) -> Scores:
    """Return the share of val's pixels that each class has, in percent, as far as it was noted down."""
    last = monitor[-1] if monitor else dict((summary or {}).get("monitor", {}))
    prefix = "true_share "
    return {name.removeprefix(prefix): value for name, value in last.items() if name.startswith(prefix)}
