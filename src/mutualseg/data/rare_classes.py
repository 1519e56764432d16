"""Classes that the labeled training images show too little of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mutualseg.data.findings import Finding, make_finding
from mutualseg.data.value_counts import ValueCounts

_RARE = 0.001
"""Share of the labeled pixels."""
_FEW = 2
"""Masks."""
_CURE = "label more images that show it; --supervision.class_weights balanced gives rare classes more weight"


def rare_class_findings(classes: Sequence[str], counts: ValueCounts) -> Iterator[Finding]:
    """Yield the classes of few pixels, and those that few masks show; what no mask shows is another finding.

    Args:
        classes: Names in index order.
        counts: Of the training masks.
    """
    if not classes or not len(counts):
        return
    pixels, masks = counts.total()[: len(classes)], counts.masks()[: len(classes)]
    share = pixels / max(1, pixels.sum())
    scarce = [
        f"{name} ({100 * share[index]:.2g} %)"
        for index, name in enumerate(classes)
        if pixels[index] > 0 and share[index] < _RARE
    ]
    if scarce:
        yield make_finding(
            "warning",
            f"class has less than {100 * _RARE:g} % of the labeled training pixels: {', '.join(scarce)}",
            _CURE,
            count=len(scarce),
        )
    # Of three masks, two are not few.
    seldom = [
        f"{name} ({masks[index]})"
        for index, name in enumerate(classes)
        if 0 < masks[index] <= _FEW and 2 * masks[index] < len(counts)
    ]
    if seldom:
        yield make_finding(
            "warning",
            f"class is in only one or two of {len(counts)} training masks: {', '.join(seldom)}",
            _CURE,
            count=len(seldom),
        )
