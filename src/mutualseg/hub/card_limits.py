"""What a model card warns of: how little its scores may say, and what nobody has tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mutualseg.hub.markdown import escaped

_FEW_VAL = 100
_POOR = 10.0
"""Percent of IoU below which a class is as good as not learned."""


def limits_of(summary: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Return the sentences on a model's limits, by what its run measured and did not.

    Args:
        summary: of the run, as in summary.json.
        config: as `published_settings` returns it.
    """
    return [*_of_val(summary), *_of_classes(summary), *_of_run(summary), *_untried(summary)]


def _of_val(summary: Mapping[str, Any]) -> Iterator[str]:
    count = summary.get("val_images")
    if isinstance(count, int) and count < _FEW_VAL:
        images = "image" if count == 1 else "images"
        yield f"The scores are of {count} val {images}: with so few, they are uncertain by several points."
    if summary.get("val_from") == "held out":
        yield (
            "The val images were held out of the training images at random, so they look like them; images "
            "from elsewhere will be segmented worse."
        )
    if summary.get("select") == "best":
        yield "The network was chosen by its score on the val images, which flatters that score."


def _of_classes(summary: Mapping[str, Any]) -> Iterator[str]:
    values = summary["per_class_iou"]
    absent = [escaped(name) for name, value in values.items() if value is None]
    poor = [escaped(name) for name, value in values.items() if value is not None and value < _POOR]
    if absent:
        yield f"No val image holds {', '.join(absent)}: how well that is found is not known."
    if poor:
        yield f"IoU is below {_POOR:.0f} percent for {', '.join(poor)}: do not rely on it there."


def _of_run(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"One training with one seed ({summary['seed']}); another seed gives another score."
    for warning in summary.get("warnings") or ():
        if isinstance(warning, Mapping) and "step" in warning:
            yield f"While training, pseudo-labels were found to be failing at step {warning['step']}."
            break
    gain = summary.get("gain")
    if isinstance(gain, int | float) and gain <= 0:
        yield "The unlabeled images did not help: training on the labels alone scored as well."


def _untried(summary: Mapping[str, Any]) -> Iterator[str]:
    tested = summary.get("test")
    if not (isinstance(tested, Mapping) and isinstance(tested.get("miou"), int | float)):
        yield "It was scored on no test part: nobody has looked at images that no choice was based on."
    yield (
        "It was not tried on images of other cameras, places, seasons or resolutions than those that it "
        "learned from, nor for robustness against images made to mislead it."
    )
    yield (
        "It names one of its classes for every pixel, also where something else is. Check its masks before "
        "anything depends on them."
    )
