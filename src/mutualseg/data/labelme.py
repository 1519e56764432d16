"""LabelMe: one JSON file an image, with outlines in the order in which they were drawn."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.annotated_images import AnnotatedImages, check_annotated_size, check_unique, none_found
from mutualseg.data.drawn_masks import Draw, DrawnMasks, Plan, Progress, draw_once
from mutualseg.data.image_opening import identified
from mutualseg.data.json_files import Node, glimpse, read_json
from mutualseg.data.label_names import LabelNames, in_natural_order, name_labels
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.polygons import Patch, fill_ellipse, fill_polygon, outline_problem, paint, rectangle
from mutualseg.errors import DataError

_OPEN_SHAPES = ("line", "linestrip", "point", "points")


def is_labelme(path: Path) -> bool:
    """Tell by a glimpse whether a file is LabelMe's JSON."""
    if path.suffix.lower() != ".json":
        return False
    text = glimpse(path)
    return bool(
        re.search(r'"shapes"\s*:\s*\[', text)
        and re.search(r'"(imagePath|imageData|imageHeight|imageWidth|shape_type)"\s*:', text)
    )


def draw_masks(
    files: Sequence[Path],
    images: Mapping[str, Path],
    classes: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
) -> DrawnMasks:
    """Draw the masks of LabelMe files into the cache, or find them there.

    Later shapes paint over earlier ones. `_background_` paints background and `__ignore__` 255. A file
    without shapes is an image that is background all over, or without a mask if a class list has no
    background.

    Args:
        files: The JSON files. Each belongs to the image of its own name; folders before the name count
            where several images have it.
        images: Image files by name, the path below images/ with its suffix.
        classes: Class names in index order. By default background and all labels, naturally sorted.
        progress: Called with (masks drawn, masks in all).

    Raises:
        MaskError: A file is malformed, has an unknown label or a shape that encloses no area, does not fit
            its image, or no file has an image.
        DataError: A file or the cache cannot be read or written.
        ImageError: An image's size cannot be read.
    """
    if not files:
        raise DataError("There are no LabelMe files to draw masks from; check the path.")

    def plan() -> Plan:
        return _plan(sorted(files), images, classes)

    options = None if classes is None else list(classes)
    return draw_once("labelme", files, images, options, plan, progress)


def _plan(files: Sequence[Path], images: Mapping[str, Path], classes: Sequence[str] | None) -> Plan:
    known = AnnotatedImages(images)
    # Folders above all of the data say nothing of a file, whatever they are called.
    root = os.path.commonpath({path.absolute().parent for path in (*files, *images.values())})
    file_of: dict[str, Path] = {}
    absent = []
    for file in files:
        image = known.find(file.absolute().relative_to(root).as_posix(), str(file))
        if image is None:
            absent.append(file.name)
        else:
            check_unique(file_of, image, str(file))
            file_of[image] = file
    if not file_of:
        raise none_found(images, files[0].name, str(files[0].parent))
    with ThreadPoolExecutor() as pool:
        labels_of = dict(zip(file_of, pool.map(_labels, file_of.values()), strict=True))
    found = in_natural_order(label for labels in labels_of.values() for label in labels)
    names = name_labels(found, classes, str(files[0].parent))
    # Where uncovered pixels are unknown, a file without shapes says nothing.
    wanted = [image for image in file_of if labels_of[image] or names.uncovered != IGNORE]

    def jobs() -> Iterator[tuple[str, Draw]]:
        for image in wanted:
            yield image, partial(_draw, file_of[image], names)

    empty = tuple(image for image, labels in labels_of.items() if not labels)
    return Plan(names.classes, tuple(absent), empty, tuple(file_of), len(wanted), jobs())


def _labels(file: Path) -> set[str]:
    return {shape.entry("label").text().strip() for shape in read_json(file).entry("shapes").entries()}


def _draw(file: Path, names: LabelNames, height: int, width: int) -> npt.NDArray[np.uint8]:
    content = read_json(file)
    stated = content.optional("imageHeight"), content.optional("imageWidth")
    if stated[0] and stated[1]:  # files of the first versions have neither
        check_annotated_size((stated[0].integer(), stated[1].integer()), (height, width), str(file))
    mask = np.full((height, width), names.uncovered, np.uint8)
    for shape in content.entry("shapes").entries():
        label = shape.entry("label").text()
        value = names.index(label, f"{file}: {shape.place}")
        paint(mask, _patch(shape, label, height, width), value)
    return mask


def _patch(shape: Node, label: str, height: int, width: int) -> Patch:
    kind_node = shape.optional("shape_type")  # the first versions knew only polygons
    kind = kind_node.text() if kind_node else "polygon"
    shape = shape._replace(place=f"{shape.place} ({kind} {label!r})")
    if kind in _OPEN_SHAPES:
        raise shape.error("encloses no area", "redraw it as a polygon in LabelMe, or delete it")
    if kind not in _SHAPES:
        raise shape.error(
            f"is of a kind that is not read (those read are {', '.join(_SHAPES)})",
            "redraw it as a polygon in LabelMe, or delete it",
        )
    return _SHAPES[kind](shape, shape.entry("points").points(), height, width)


def _polygon(shape: Node, points: npt.NDArray[np.float64], height: int, width: int) -> Patch:
    if problem := outline_problem(points):
        raise shape.error(problem, "redraw it in LabelMe, or delete it")
    return fill_polygon(points, height, width)


def _rectangle(shape: Node, points: npt.NDArray[np.float64], height: int, width: int) -> Patch:
    if len(points) == 4:  # as other programs write it
        return fill_polygon(points, height, width)
    _require_two(shape, points)
    return fill_polygon(rectangle(*points[0], *points[1]), height, width)


def _circle(shape: Node, points: npt.NDArray[np.float64], height: int, width: int) -> Patch:
    _require_two(shape, points)
    radius = float(np.hypot(*(points[1] - points[0])))
    if radius == 0:
        raise shape.error("has no extent", "redraw it in LabelMe, or delete it")
    return fill_ellipse((float(points[0, 0]), float(points[0, 1])), (radius, radius), height, width)


def _mask(shape: Node, points: npt.NDArray[np.float64], height: int, width: int) -> Patch:
    """Return the pixels of a small image; the points are its first pixel and its last one."""
    _require_two(shape, points)
    (left, top), (right, bottom) = np.round(points).astype(int).tolist()
    inside = _decoded(shape.entry("mask"))
    box = (bottom - top + 1, right - left + 1)
    if inside.shape != box:
        raise shape.error(
            f"has a mask of {inside.shape[1]}x{inside.shape[0]} pixels in a box of {box[1]}x{box[0]}"
        )
    if top < 0 or left < 0 or bottom >= height or right >= width:
        raise shape.error("reaches outside the image")
    return Patch(top, left, inside)


def _decoded(node: Node) -> npt.NDArray[np.bool_]:
    try:
        content = base64.b64decode(node.text(), validate=True)
    except ValueError:
        raise node.error("is not base64 text") from None
    try:
        with identified(io.BytesIO(content), node.file) as image:
            pixels = np.array(image)
    except Exception:  # on broken bytes decoders raise nearly anything
        raise node.error("holds no image") from None
    if pixels.ndim != 2:
        raise node.error("holds a color image, and a mask of one channel is needed")
    return np.asarray(pixels != 0)


def _require_two(shape: Node, points: npt.NDArray[np.float64]) -> None:
    if len(points) != 2:
        raise shape.error(f"has {len(points)} points, and 2 are needed", "redraw it in LabelMe, or delete it")


_SHAPES: dict[str, Callable[[Node, npt.NDArray[np.float64], int, int], Patch]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "oriented_rectangle": _polygon,
    "circle": _circle,
    "mask": _mask,
}
