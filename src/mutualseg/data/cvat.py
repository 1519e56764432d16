"""CVAT for images 1.1: one XML file for all images, with polygons, boxes, ellipses and masks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from mutualseg.data.annotated_images import AnnotatedImages, check_annotated_size, check_unique, none_found
from mutualseg.data.annotation_xml import Tag, elements_below_root
from mutualseg.data.drawn_masks import Draw, DrawnMasks, Plan, Progress, draw_once
from mutualseg.data.json_files import glimpse
from mutualseg.data.label_names import LabelNames, in_natural_order, name_labels
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.polygons import Patch, fill_ellipse, fill_polygon, outline_problem, paint, rectangle
from mutualseg.data.run_lengths import fill_runs, runs_problem
from mutualseg.errors import MaskError

_OPEN_SHAPES = ("polyline", "points", "cuboid", "skeleton")
_NOT_SHAPES = ("tag", "attribute")
_OPEN_LABELS = {*_OPEN_SHAPES, "tag"}
_REDRAW = "redraw it in CVAT, or delete it"


def is_cvat(path: Path) -> bool:
    """Tell by a glimpse whether a file is CVAT's XML."""
    return path.suffix.lower() == ".xml" and bool(re.search(r"<annotations[\s>]", glimpse(path)))


def draw_masks(
    file: Path,
    images: Mapping[str, Path],
    classes: Sequence[str] | None = None,
    *,
    empty_is_background: bool = False,
    progress: Progress | None = None,
) -> DrawnMasks:
    """Draw the masks of a CVAT file into the cache, or find them there.

    Shapes are painted by their z_order, those of the same one in the order of the file.

    Args:
        file: The XML file.
        images: Image files by name, the path below images/ with its suffix; "name" finds them.
        classes: Class names in index order. By default background and then the labels as the file declares
            them in <meta>; where it declares none, those of its shapes, naturally sorted.
        empty_is_background: Whether an image that is listed without shapes shows background only. If not,
            it has no mask: CVAT lists every image of a task, those too that nobody looked at yet.
        progress: Called with (masks drawn, masks in all).

    Raises:
        MaskError: The file is malformed or of a video, has an unknown label or a shape that encloses no
            area, does not fit its images, or lists none of them.
        DataError: The file or the cache cannot be read or written.
        ImageError: An image's size cannot be read.
    """

    def plan() -> Plan:
        return _plan(file, images, classes, empty_is_background)

    options = [None if classes is None else list(classes), empty_is_background]
    return draw_once("cvat", [file], images, options, plan, progress)


def _plan(
    file: Path, images: Mapping[str, Path], classes: Sequence[str] | None, empty_is_background: bool
) -> Plan:
    known = AnnotatedImages(images)
    declared: list[str] = []
    used: set[str] = set()
    absent: list[str] = []
    shapes_in: dict[str, bool] = {}
    image_at: dict[int, str] = {}
    for index, element in enumerate(_children(file)):
        if element.tag == "meta":
            declared += _declared_labels(element)
        if element.tag != "image":
            continue
        tag = Tag(element, file, f"<image id={element.get('id')!r}>")
        name = tag.text("name")
        image = known.find(name, f"{file}: {tag.place}")
        if image is None:
            absent.append(name)
            continue
        check_unique(shapes_in, image, f"{file}: {tag.place}")
        shapes = list(_shapes(tag._replace(place=repr(name))))
        used.update(shape.text("label").strip() for shape in shapes)
        shapes_in[image] = bool(shapes)
        image_at[index] = image
    if not shapes_in:
        raise none_found(images, absent[0] if absent else "", str(file))
    names = name_labels(declared or in_natural_order(used), classes, str(file))
    empty_is_background = empty_is_background and names.uncovered != IGNORE
    wanted = {at: image for at, image in image_at.items() if empty_is_background or shapes_in[image]}

    def jobs() -> Iterator[tuple[str, Draw]]:
        for index, element in enumerate(_children(file)):
            if image := wanted.get(index):
                tag = Tag(element, file, repr(element.get("name")))
                yield image, partial(_draw, tag, names)

    empty = tuple(image for image, has_shapes in shapes_in.items() if not has_shapes)
    return Plan(names.classes, tuple(absent), empty, tuple(shapes_in), len(wanted), jobs())


def _children(file: Path) -> Iterator[Element]:
    """Yield the children of <annotations>; what cannot be CVAT for images is an error."""
    elements = elements_below_root(file)
    root = next(elements, None)
    if root is None or root.tag != "annotations":
        raise MaskError(f"{file} is not CVAT's XML (it has no <annotations>); export 'CVAT for images 1.1'.")
    for element in elements:
        if element.tag == "track":
            raise MaskError(
                f"{file} holds the tracks of a video (<track>); export it again as 'CVAT for images 1.1'."
            )
        yield element


def _declared_labels(meta: Element) -> Iterator[str]:
    """Yield the labels of a task or project that can mark pixels."""
    for labels in meta.iter("labels"):
        for label in labels.findall("label"):
            name = (label.findtext("name") or "").strip()
            is_point_of_skeleton = label.find("parent") is not None
            if name and not is_point_of_skeleton and label.findtext("type") not in _OPEN_LABELS:
                yield name


def _shapes(image: Tag) -> Iterator[Tag]:
    """Yield the shapes of an image in the order of the file; what encloses no area is an error."""
    for index, element in enumerate(image.element):
        if element.tag in _NOT_SHAPES:
            continue
        shape = Tag(element, image.file, f"{image.place}, shape {index} ({element.tag})")
        if element.tag in _OPEN_SHAPES:
            raise shape.error("encloses no area", "redraw it as a polygon or mask in CVAT, or delete it")
        if element.tag not in _SHAPES:
            raise shape.error(
                f"is of a kind that is not read (those read are {', '.join(_SHAPES)})",
                "redraw it as a polygon or mask in CVAT, or delete it",
            )
        yield shape


def _draw(image: Tag, names: LabelNames, height: int, width: int) -> npt.NDArray[np.uint8]:
    stated = image.integer("height"), image.integer("width")
    check_annotated_size(stated, (height, width), f"{image.file}: {image.place}")
    mask = np.full((height, width), names.uncovered, np.uint8)
    for shape in sorted(_shapes(image), key=lambda shape: shape.integer("z_order", 0)):
        value = names.index(shape.text("label"), f"{shape.file}: {shape.place}")
        paint(mask, _SHAPES[shape.element.tag](shape, height, width), value)
    return mask


def _polygon(shape: Tag, height: int, width: int) -> Patch:
    points = shape.points("points")
    if problem := outline_problem(points):
        raise shape.error(problem, _REDRAW)
    return fill_polygon(points, height, width)


def _box(shape: Tag, height: int, width: int) -> Patch:
    sides = shape.number("xtl"), shape.number("ytl"), shape.number("xbr"), shape.number("ybr")
    return fill_polygon(rectangle(*sides, shape.number("rotation", 0)), height, width)


def _ellipse(shape: Tag, height: int, width: int) -> Patch:
    radii = shape.number("rx"), shape.number("ry")
    if min(radii) <= 0:
        raise shape.error("has no extent", _REDRAW)
    center = shape.number("cx"), shape.number("cy")
    return fill_ellipse(center, radii, height, width, shape.number("rotation", 0))


def _mask(shape: Tag, height: int, width: int) -> Patch:
    """Return the pixels of run lengths over a box, row by row."""
    left, top = shape.integer("left"), shape.integer("top")
    across, down = shape.integer("width"), shape.integer("height")
    if min(left, top) < 0 or min(across, down) < 1 or left + across > width or top + down > height:
        raise shape.error("has a box that does not lie within the image")
    runs = shape.integers("rle")
    if problem := runs_problem(runs, across * down):
        raise shape.error(problem)
    return Patch(top, left, fill_runs(runs).reshape(down, across))


_SHAPES: dict[str, Callable[[Tag, int, int], Patch]] = {
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
}
