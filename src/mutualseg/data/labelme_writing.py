"""Masks as LabelMe's JSON, which `labelme.draw_masks` and LabelMe itself read back."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mutualseg.data.label_names import is_background
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.outlines import outlines

TOLERANCE = 0.9
"""How far outlines may leave the sides of pixels: only pixels at a border can change."""
_IGNORED = "__ignore__"
_VERSION = "5.5.0"
"""Of the format: LabelMe's own, of which newer ones read older files."""


def labelme_text(
    mask: npt.NDArray[np.uint8], classes: Sequence[str], image: str, *, tolerance: float = TOLERANCE
) -> str:
    """Return the JSON text of an image's polygons, each class by its name.

    Shapes are painted in order, so that one in the hole of another comes after it. Background at the edge
    of the image is left out, as it is what no shape covers; pixels of 255 are `__ignore__`.

    Args:
        mask: class indices, uint8 [H,W].
        classes: names by index.
        image: path of the image from the JSON's folder, with / between its parts.
        tolerance: see `outlines.outlines`.
    """
    shapes = []
    for outline in outlines(mask, tolerance):
        label = _IGNORED if outline.value == IGNORE else classes[outline.value]
        if is_background(label) and outline.is_at_edge:
            continue
        shapes.append(
            {
                "label": label,
                "points": outline.points.tolist(),
                "group_id": None,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
            }
        )
    content = {
        "version": _VERSION,
        "flags": {},
        "imagePath": image,
        "imageData": None,
        "imageHeight": mask.shape[0],
        "imageWidth": mask.shape[1],
        "shapes": shapes,
    }
    return json.dumps(content) + "\n"
