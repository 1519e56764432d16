"""Masks as LabelMe's JSON, which `labelme.draw_masks` and LabelMe itself read back."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mutualseg.data.label_names import is_background
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.outlines import Outline, outlines

TOLERANCE = 0.9
"""How far outlines may leave the sides of pixels: only pixels at a border can change."""
_IGNORED = "__ignore__"
_VERSION = "5.5.0"
"""Of the format: LabelMe's own, of which newer ones read older files."""


def labelme_text(
    mask: npt.NDArray[np.uint8], classes: Sequence[str], image: str, *, tolerance: float = TOLERANCE
) -> str:
    """Return the JSON text of an image's polygons, each class by its name.

    Args:
        mask: class indices, uint8 [H,W]; pixels of 255 are `__ignore__`.
        classes: names by index.
        image: path of the image from the JSON's folder, with / between its parts.
        tolerance: see `outlines.outlines`.
    """
    return outlines_text(shown_outlines(mask, classes, tolerance), classes, image, mask.shape)


def shown_outlines(
    mask: npt.NDArray[np.uint8], classes: Sequence[str], tolerance: float = TOLERANCE
) -> list[Outline]:
    """Return the outlines of a mask, without background at the edge: it is what no shape covers."""
    return [
        outline
        for outline in outlines(mask, tolerance)
        if not (outline.is_at_edge and is_background(_label(outline, classes)))
    ]


def outlines_text(shown: Sequence[Outline], classes: Sequence[str], image: str, size: tuple[int, ...]) -> str:
    """Return the JSON text of outlines in the order in which they are painted: one in a hole comes later.

    Args:
        shown: what is written.
        classes: names by index.
        image: see `labelme_text`.
        size: (height, width) of the image.
    """
    shapes = [
        {
            "label": _label(outline, classes),
            "points": outline.points.tolist(),
            "group_id": None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
        }
        for outline in shown
    ]
    content: dict[str, object] = {
        "version": _VERSION,
        "flags": {},
        "imagePath": image,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
        "shapes": shapes,
    }
    return json.dumps(content) + "\n"


def _label(outline: Outline, classes: Sequence[str]) -> str:
    return _IGNORED if outline.value == IGNORE else classes[outline.value]
