"""What a weights file says beside its tensors, checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mutualseg.data.image_codes import ImageCode
from mutualseg.networks.build import NetworkConfig
from mutualseg.terminal import first_unseen


def refuse_false_facts(facts: Mapping[str, Any], config: NetworkConfig) -> None:
    """Raise TypeError or ValueError for facts of another kind than `train` writes.

    Args:
        facts: of the file, without its network; those that older files lack may be missing.
        config: of its network.
    """
    classes = facts.get("classes")
    if classes is not None and not _are_names(classes, config.num_classes):
        raise ValueError("its classes are not a name for each")
    colors = facts.get("colors")
    if colors is not None and not _are_colors(colors, config.num_classes):
        raise ValueError("its colors are not one for each class")
    window = facts.get("window")
    if window is not None and not (type(window) is int and window > 0):
        raise ValueError("its window is no number of pixels")
    code = ImageCode.from_plain(facts.get("image_code", {}))
    if code.channels != config.channels or code.kind not in ("8-bit", "16-bit", "float"):
        raise ValueError("its images have other channels than its network, or are of no known kind")
    if not all(math.isfinite(number) for number in (code.low, code.high)) or code.low >= code.high:
        raise ValueError("its range of numbers is none")
    if not all(math.isfinite(number) for number in (*config.mean, *config.std)) or 0 in config.std:
        raise ValueError("its images cannot be normalized")


def _are_names(value: object, count: int) -> bool:
    is_list = isinstance(value, list) and len(value) == count and all(isinstance(v, str) for v in value)
    return is_list and first_unseen(value) is None  # type: ignore[arg-type]  # a list by now


def _are_colors(value: object, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(color, list | tuple) and len(color) == 3 for color in value)
        and all(type(part) is int and 0 <= part <= 255 for color in value for part in color)
    )
