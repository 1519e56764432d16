"""COCO: one JSON file for all images, with the outlines or run lengths of their objects."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.annotated_images import AnnotatedImages, check_annotated_size, check_unique, none_found
from mutualseg.data.drawn_masks import Draw, DrawnMasks, Plan, Progress, draw_once
from mutualseg.data.json_files import Node, glimpse, read_json
from mutualseg.data.label_names import LabelNames, name_labels
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.polygons import Patch, enclosed_area, fill_polygon, outline_problem, paint
from mutualseg.data.run_lengths import area_of_runs, decode_runs, fill_runs, runs_problem

_KEYS = ("images", "annotations", "categories")


class Listed(NamedTuple):
    """An entry of "images" whose file is there."""

    image: str
    entry: Node

    def check_size(self, height: int, width: int) -> None:
        """Raise a MaskError if the entry states another size than its image has."""
        stated = self.entry.optional("height"), self.entry.optional("width")
        if stated[0] and stated[1]:
            place = f"{self.entry.file}: {self.image}"
            check_annotated_size((stated[0].integer(), stated[1].integer()), (height, width), place)


class _Region(NamedTuple):
    """What one annotation covers: several outlines, or runs over the whole image, column by column."""

    area: float
    outlines: list[npt.NDArray[np.float64]]
    runs: npt.NDArray[np.int64] | None


def is_coco(path: Path) -> bool:
    """Tell by a glimpse whether a file is COCO's JSON of objects (instances)."""
    return _looks_like_coco(path) and not is_coco_panoptic(path)


def is_coco_panoptic(path: Path) -> bool:
    """Tell by a glimpse whether a file is COCO's JSON that goes with a folder of panoptic PNGs."""
    return _looks_like_coco(path) and '"segments_info"' in glimpse(path)


def draw_masks(
    file: Path,
    images: Mapping[str, Path],
    classes: Sequence[str] | None = None,
    *,
    empty_is_background: bool | None = True,
    progress: Progress | None = None,
) -> DrawnMasks:
    """Draw the masks of a COCO file of objects (instances) into the cache, or find them there.

    The polygons of one object are united. Crowds ("iscrowd": 1) are 255, painted before all objects;
    then come the objects from the largest to the smallest, so that a small one in front of a large
    one is seen; of two as large, the later one is seen.

    Args:
        file: The JSON file.
        images: Image files by name, the path below images/ with its suffix; "file_name" finds them.
        classes: Class names in index order. By default background and then the categories by their ids;
            categories of one name are one class.
        empty_is_background: Whether an image that is listed without objects shows background only, as in
            COCO itself. If not, it has no mask: it was not annotated yet. None takes those for not annotated
            that are more than half of the listed images. Nothing is background in a class list without one.
        progress: Called with (masks drawn, masks in all).

    Raises:
        MaskError: The file is malformed, has an unknown category or an object without an outline, does not
            fit its images, or lists none of them.
        DataError: The file or the cache cannot be read or written.
        ImageError: An image's size cannot be read.
    """

    def plan() -> Plan:
        return _plan(read_json(file), images, classes, empty_is_background)

    options = [None if classes is None else list(classes), empty_is_background]
    return draw_once("coco", [file], images, options, plan, progress)


def list_images(
    content: Node, images: Mapping[str, Path]
) -> tuple[dict[int | str, Listed | None], list[str]]:
    """Return the entries of "images" by id, None where the file is not there, and the names of those."""
    known = AnnotatedImages(images)
    listed: dict[int | str, Listed | None] = {}
    taken: dict[str, object] = {}
    absent = []
    for entry in content.entry("images").entries():
        name, number = entry.entry("file_name").text(), entry.entry("id").identifier()
        if number in listed:
            raise entry.error(f"has the id {number!r} of an entry before")
        image = known.find(name, f"{entry.file}: {entry.place}")
        if image is None:
            absent.append(name)
            listed[number] = None
        else:
            check_unique(taken, image, f"{entry.file}: {entry.place}")
            taken[image] = listed[number] = Listed(image, entry)
    if not taken:
        raise none_found(images, absent[0] if absent else "", str(content.file))
    return listed, absent


def list_categories(content: Node) -> dict[int, str]:
    """Return the category names by id, in the order of the ids."""
    names: dict[int, str] = {}
    for category in content.entry("categories").entries():
        number = category.entry("id").integer()
        if number in names:
            raise category.error(f"has the id {number} of a category before")
        names[number] = category.entry("name").text().strip()
    return dict(sorted(names.items()))


def category_of(node: Node, categories: Mapping[int, str]) -> str:
    """Return the name of an object's or a segment's category."""
    number = node.entry("category_id").integer()
    if number not in categories:
        raise node.error(f'has the category_id {number}, which "categories" does not list')
    return categories[number]


def _plan(
    content: Node, images: Mapping[str, Path], classes: Sequence[str] | None, empty_is_background: bool | None
) -> Plan:
    listed, absent = list_images(content, images)
    categories = list_categories(content)
    names = name_labels(categories.values(), classes, str(content.file))
    annotations = content.entry("annotations")
    objects: dict[str, list[int]] = defaultdict(list)
    for index, annotation in enumerate(annotations.entries()):
        number = annotation.entry("image_id").identifier()
        if number not in listed:
            raise annotation.error(f'has the image_id {number!r}, which "images" does not list')
        if (owner := listed[number]) is not None:
            objects[owner.image].append(index)
    there = [owner for owner in listed.values() if owner is not None]
    empty = tuple(owner.image for owner in there if owner.image not in objects)
    if empty_is_background is None:
        empty_is_background = 2 * len(empty) <= len(there)
    empty_is_background = empty_is_background and names.uncovered != IGNORE
    wanted = [owner for owner in there if empty_is_background or owner.image in objects]

    def jobs() -> Iterator[tuple[str, Draw]]:
        for owner in wanted:
            own = [annotations.at(index) for index in objects.get(owner.image, ())]
            yield owner.image, partial(_draw, owner, own, categories, names)

    return Plan(
        names.classes, tuple(absent), empty, tuple(owner.image for owner in there), len(wanted), jobs()
    )


def _draw(
    owner: Listed,
    objects: Sequence[Node],
    categories: Mapping[int, str],
    names: LabelNames,
    height: int,
    width: int,
) -> npt.NDArray[np.uint8]:
    owner.check_size(height, width)
    painted = []
    for thing in objects:
        name = category_of(thing, categories)
        crowd = thing.optional("iscrowd")
        is_crowd = crowd is not None and crowd.integer() != 0
        value = IGNORE if is_crowd else names.index(name, f"{thing.file}: {thing.place}")
        painted.append((is_crowd, _region(thing, height, width), value))
    painted.sort(key=lambda entry: (not entry[0], -entry[1].area))
    mask = np.full((height, width), names.uncovered, np.uint8)
    for _, region, value in painted:
        for patch in _patches(region, height, width):
            paint(mask, patch, value)
    return mask


def _region(thing: Node, height: int, width: int) -> _Region:
    segmentation = thing.optional("segmentation")
    if segmentation is None or segmentation.value == []:
        raise thing.error(
            "has no segmentation (a box alone is no outline)", "export the outlines too, or delete it"
        )
    if isinstance(segmentation.value, dict):
        runs = _runs(segmentation, height, width)
        return _Region(area_of_runs(runs), [], runs)
    outlines = []
    for outline in segmentation.entries():
        numbers = outline.numbers()
        if len(numbers) % 2:
            raise outline.error(f"has {len(numbers)} numbers, and x and y in turn are needed")
        points = numbers.reshape(-1, 2)
        if problem := outline_problem(points):
            raise outline.error(problem, "redraw it, or delete it")
        outlines.append(points)
    return _Region(sum(map(enclosed_area, outlines)), outlines, None)


def _runs(segmentation: Node, height: int, width: int) -> npt.NDArray[np.int64]:
    size = segmentation.entry("size").numbers().tolist()
    if size != [height, width]:
        raise segmentation.error(f"has the size {size}, and its image has [{height}, {width}]")
    counts = segmentation.entry("counts")
    runs: npt.NDArray[np.int64] | None
    if isinstance(counts.value, str):
        runs = decode_runs(counts.value)
        if runs is None:
            raise counts.error("is no compressed run-length string")
    else:
        numbers = counts.numbers()
        if (numbers != np.floor(numbers)).any():
            raise counts.error("holds a number that is not whole")
        runs = numbers.astype(np.int64)
    if problem := runs_problem(runs, height * width):
        raise counts.error(problem)
    return runs


def _patches(region: _Region, height: int, width: int) -> Iterator[Patch]:
    if region.runs is not None:
        yield Patch(0, 0, fill_runs(region.runs).reshape(width, height).T)
    for outline in region.outlines:
        yield fill_polygon(outline, height, width)


def _looks_like_coco(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    text = glimpse(path)
    found = sum(bool(re.search(rf'"{key}"\s*:\s*\[', text)) for key in _KEYS)
    # Of a large file the middle is not seen, and with it perhaps a key; but then entries are.
    return found > 1 or (found == 1 and bool(re.search(r'"(category_id|file_name|supercategory)"\s*:', text)))
