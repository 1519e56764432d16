"""COCO panoptic: a JSON file, and for each image a PNG whose colors are the numbers of segments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.annotated_images import check_annotated_size, check_unique
from mutualseg.data.coco_json import Listed, category_of, is_coco_panoptic, list_categories, list_images
from mutualseg.data.drawn_masks import Draw, DrawnMasks, Plan, Progress, draw_once
from mutualseg.data.image_opening import open_image
from mutualseg.data.inside import is_inside
from mutualseg.data.json_files import Node, read_json
from mutualseg.data.label_names import LabelNames
from mutualseg.data.mask_codes import IGNORE
from mutualseg.errors import DataError, MaskError
from mutualseg.terminal import first_unseen

__all__ = ["draw_masks", "is_coco_panoptic"]


def draw_masks(
    file: Path,
    folder: Path,
    images: Mapping[str, Path],
    classes: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
) -> DrawnMasks:
    """Draw the masks of COCO's panoptic annotations into the cache, or find them there.

    A pixel of the PNG with the color (R, G, B) belongs to the segment R + 256 G + 65536 B, whose category
    is its class, whether it is a crowd or not. Segment 0 is 255 (ignore): nothing is known there. An image
    without a PNG in the list of annotations has no mask.

    Args:
        file: The JSON file.
        folder: Holds the PNGs, under the names that the annotations give.
        images: Image files by name, the path below images/ with its suffix; "file_name" finds them.
        classes: Class names in index order. By default all categories by their ids, without a background;
            categories of one name are one class.
        progress: Called with (masks drawn, masks in all).

    Raises:
        MaskError: The file or a PNG is malformed, a PNG holds a segment that the file does not list, a
            category is not in the class list, or no image is listed.
        DataError: The file, the folder or the cache cannot be read or written.
        ImageError: An image's size or a PNG cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"The folder {folder} of panoptic PNGs does not exist; unpack it beside {file.name}.")

    def plan() -> Plan:
        return _plan(read_json(file), folder, images, classes)

    pngs = [Path(where, name) for where, _, names in os.walk(folder) for name in names]
    options = [None if classes is None else list(classes), str(folder.absolute())]
    return draw_once("coco-panoptic", [file, *pngs], images, options, plan, progress)


def _plan(content: Node, folder: Path, images: Mapping[str, Path], classes: Sequence[str] | None) -> Plan:
    listed, absent = list_images(content, images)
    categories = list_categories(content)
    names = LabelNames(_classes(content, categories) if classes is None else tuple(classes), IGNORE)
    drawn: dict[str, tuple[Listed, Node]] = {}
    for annotation in content.entry("annotations").entries():
        number = annotation.entry("image_id").identifier()
        if number not in listed:
            raise annotation.error(f'has the image_id {number!r}, which "images" does not list')
        if (owner := listed[number]) is not None:
            check_unique(drawn, owner.image, f"{annotation.file}: {annotation.place}")
            drawn[owner.image] = owner, annotation
    there = [owner.image for owner in listed.values() if owner is not None]

    def jobs() -> Iterator[tuple[str, Draw]]:
        for image, (owner, annotation) in drawn.items():
            yield image, partial(_draw, owner, annotation, folder, categories, names)

    empty = tuple(image for image in there if image not in drawn)
    return Plan(names.classes, tuple(absent), empty, there, len(drawn), jobs())


def _classes(content: Node, categories: Mapping[int, str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(categories.values()))
    odd = first_unseen(names)
    if odd is not None:
        problem = f"names {odd!r}, with characters that cannot be seen"
        raise content.entry("categories").error(problem, "rename it")
    if not 2 <= len(names) <= IGNORE:
        raise content.entry("categories").error(
            f"names {len(names)} classes, and 2 to {IGNORE} can be told apart"
        )
    return names


def _draw(
    owner: Listed,
    annotation: Node,
    folder: Path,
    categories: Mapping[int, str],
    names: LabelNames,
    height: int,
    width: int,
) -> npt.NDArray[np.uint8]:
    owner.check_size(height, width)
    values = {0: IGNORE}
    for segment in annotation.entry("segments_info").entries():
        number = segment.entry("id").integer()
        if number in values or not 0 < number < 2**24:
            raise segment.error(f"has the id {number}, which is no color or that of a segment before")
        values[number] = names.index(category_of(segment, categories), f"{segment.file}: {segment.place}")
    name = annotation.entry("file_name").text()
    if not is_inside(name, folder):
        raise annotation.error(f"has the file_name {name!r}, which is not in {folder}")
    png = folder / name
    segments = _read_segments(png)
    check_annotated_size((segments.shape[0], segments.shape[1]), (height, width), str(png))
    numbers = np.array(sorted(values))
    places = np.minimum(np.searchsorted(numbers, segments), len(numbers) - 1)
    strangers = segments[numbers[places] != segments]
    if len(strangers):
        raise MaskError(
            f"{png} holds the segment {strangers.min()}, which {annotation.place}.segments_info of "
            f"{annotation.file} does not list; put the PNG there that goes with the file."
        )
    return np.array([values[number] for number in numbers.tolist()], np.uint8)[places]


def _read_segments(png: Path) -> npt.NDArray[np.int64]:
    with open_image(png) as image:
        mode = image.mode
        pixels = np.array(image)
    if mode not in {"RGB", "RGBA"}:
        raise MaskError(
            f"{png} is an image of mode {mode}, and the colors of a panoptic PNG are RGB; "
            "put the PNG there that goes with the JSON file."
        )
    segments: npt.NDArray[np.int64] = pixels[..., :3].astype(np.int64) @ np.array([1, 256, 65536])
    return segments
