"""COCO 2017: objects of instances_*.json, or the panoptic segments; drawn once into the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mutualseg.data import coco_json, coco_panoptic
from mutualseg.data.catalog.coco import COCO, COCO_PANOPTIC
from mutualseg.data.catalog.entry import Entry
from mutualseg.data.drawn_masks import DrawnMasks
from mutualseg.data.file_names import stem_of
from mutualseg.data.folder import DataFolder
from mutualseg.data.json_files import glimpse
from mutualseg.data.layouts.coco_stuff import coco_images
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part

Draw = Callable[[Path, Path, Mapping[str, Path], Asked], DrawnMasks]
"""Draws what an annotation file says; also given that file's folder of PNGs and images by name."""


def _draw_objects(file: Path, pngs: Path, images: Mapping[str, Path], asked: Asked) -> DrawnMasks:
    return coco_json.draw_masks(file, images, COCO.classes, progress=asked.progress)


def _draw_segments(file: Path, pngs: Path, images: Mapping[str, Path], asked: Asked) -> DrawnMasks:
    return coco_panoptic.draw_masks(file, pngs, images, COCO_PANOPTIC.classes, progress=asked.progress)


def _read(name: str, kind: str, entry: Entry, draw: Draw, home: Path, asked: Asked) -> DataFolder:
    def index(part: Part) -> SampleIndex:
        files = list_files(coco_images(home, part))
        pngs = home / "annotations" / f"{kind}_{part}2017"
        annotations = pngs.with_name(f"{pngs.name}.json")
        masks: dict[str, str] = {}
        if files.paths and annotations.is_file():
            drawn = draw(annotations, pngs, {path: files.folder / path for path in files.paths}, asked)
            masks = {stem_of(image): str(mask) for image, mask in drawn.masks.items()}
        return index_files(files, f"{part}/", part, masks)

    return assemble(name, home, asked, entry, train=index("train"), val=index("val"))


def _layout(name: str, kind: str, entry: Entry, draw: Draw, needed: tuple[str, ...], expects: str) -> Layout:
    return Layout(
        name,
        tuple((images, *needed) for images in ("images/train2017", "train2017")),
        f"images/{{train2017,val2017}}/NAME.jpg (or train2017/ and val2017/ without images/) and {expects}",
        partial(_read, name, kind, entry, draw),
        ("", "coco"),
        confirm=partial(_has_its_categories, kind),
    )


def _has_its_categories(kind: str, home: Path) -> bool:
    """Tell whether these are COCO's own classes: other data sets are exported under the same file names."""
    return '"toothbrush"' in glimpse(home / "annotations" / f"{kind}_train2017.json")


COCO_LAYOUT = _layout(
    "coco",
    "instances",
    COCO,
    _draw_objects,
    ("annotations/instances_train2017.json",),
    "annotations/instances_{train2017,val2017}.json",
)
COCO_PANOPTIC_LAYOUT = _layout(
    "coco_panoptic",
    "panoptic",
    COCO_PANOPTIC,
    _draw_segments,
    ("annotations/panoptic_train2017.json", "annotations/panoptic_train2017"),
    "annotations/panoptic_{train2017,val2017}.json with folders of the same names that hold NAME.png",
)
