"""Masks to begin with, in the formats that annotators correct: indexed PNG, LabelMe, CVAT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import numpy.typing as npt

from mutualseg.data.catalog import class_colors
from mutualseg.data.label_names import is_background
from mutualseg.data.labelme_writing import outlines_text, shown_outlines
from mutualseg.data.mask_codes import Color, MaskCode
from mutualseg.data.outlines import outlines
from mutualseg.data.specks import without_specks
from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name
from mutualseg.reporting.pictures import save_indexed

Indices = npt.NDArray[np.uint8]

FORMATS = ("png", "labelme", "cvat")
NONE = "none"
TOLERANCE = 1.0
"""How far, in pixels, an outline of LabelMe may be from the prediction: a third of the corners is left."""
SPECK = 16
"""Regions of fewer pixels are no outline of their own, but part of what is around them."""


def read_formats(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return the formats of `--prefill`: all if none is given, none for "none".

    Raises:
        ConfigError: one is unknown, or stands beside "none".
    """
    words = [given] if isinstance(given, str) else list(given)
    names = [name for word in words for name in word.replace(",", " ").split()]
    if words and not names:
        raise ConfigError(f"--prefill names nothing; give {', '.join(FORMATS)} or {NONE}.")
    for name in names:
        if name not in (*FORMATS, NONE):
            raise ConfigError(unknown_name(f"--prefill {name}", name, (*FORMATS, NONE)))
    if NONE in names and len(set(names)) > 1:
        raise ConfigError("--prefill none stands alone; leave it out, or the formats beside it.")
    if not names:
        return FORMATS
    return tuple(name for name in FORMATS if name in names)


def save_mask(path: Path, classes: Indices, code: MaskCode, colors: Sequence[Color]) -> None:
    """Write a mask as the masks of the data folder are: indices with a palette, or values or colors.

    Args:
        path: of the PNG; its folder is made.
        classes: indices [H,W].
        code: of the data folder's masks.
        colors: of the classes.

    Raises:
        MaskError: the code has no value for a class.
    """
    if code.kind == "indices":
        save_indexed(path, classes, len(colors), colors)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    code.encode(classes).save(path)


def labelme_text(classes: Indices, names: Sequence[str], image: str) -> str:
    """Return the JSON that LabelMe opens beside an image: a polygon for each region that is no speck.

    Args:
        classes: indices [H,W].
        names: of the classes.
        image: path of the image from the JSON's folder on, with /.
    """
    cleaned = without_specks(classes, SPECK)
    # A file without shapes would say that nobody has looked at the image.
    shown = shown_outlines(cleaned, names, TOLERANCE) or outlines(cleaned, TOLERANCE)
    return outlines_text(shown, names, image, classes.shape)


def cvat_head(names: Sequence[str], colors: Sequence[Color] | None) -> str:
    """Return the beginning of CVAT's XML for images 1.1, with the labels that its task needs."""
    meta = Element("meta")
    labels = SubElement(SubElement(meta, "task"), "labels")
    for name, color in zip(names, colors or class_colors(len(names)), strict=True):
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "color").text = "#{:02x}{:02x}{:02x}".format(*color)
        SubElement(label, "type").text = "any"
        SubElement(label, "attributes")
    ElementTree.indent(meta)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
        f"{ElementTree.tostring(meta, encoding='unicode')}\n"
    )


CVAT_END = "</annotations>\n"


def cvat_image(number: int, image: str, classes: Indices, names: Sequence[str]) -> str:
    """Return the element of an image in CVAT's XML: a mask for each class, exact to the pixel.

    A class called background is what no mask covers, unless there is nothing else.

    Args:
        number: of the image, from 0.
        image: its path below images/.
        classes: indices [H,W].
        names: of the classes.
    """
    height, width = classes.shape
    element = Element("image", id=str(number), name=image, width=str(width), height=str(height))
    values = np.unique(classes).tolist()
    shown = [value for value in values if not is_background(names[value])] or values
    for value in shown:
        top, left, runs, box = _runs(classes == value)
        SubElement(
            element,
            "mask",
            label=names[value],
            source="auto",
            occluded="0",
            rle=", ".join(map(str, runs)),
            left=str(left),
            top=str(top),
            width=str(box[1]),
            height=str(box[0]),
            z_order="0",
        )
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="unicode") + "\n"


def _runs(inside: npt.NDArray[np.bool_]) -> tuple[int, int, list[int], tuple[int, int]]:
    """Return top, left, lengths of runs (outside first) and size of the box around what is inside."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    top, left = int(rows[0]), int(columns[0])
    box = inside[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    return top, left, list(_run_lengths(box.ravel())), (box.shape[0], box.shape[1])


def _run_lengths(flat: npt.NDArray[np.bool_]) -> Iterator[int]:
    if flat[0]:
        yield 0
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    yield from np.diff(np.concatenate([[0], turns, [len(flat)]])).tolist()
