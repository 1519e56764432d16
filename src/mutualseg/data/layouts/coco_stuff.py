"""COCO-Stuff: things and stuff in one mask, stuffthingmaps."""

from __future__ import annotations

from pathlib import Path

from mutualseg.data.catalog.coco import COCO_STUFF
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part

_MAPS = "stuffthingmaps"


def coco_images(home: Path, part: Part) -> Path:
    """Return the folder of COCO's images of a part: below images/, or beside it in the form as unpacked."""
    inside = home / "images" / f"{part}2017"
    return inside if inside.is_dir() else home / f"{part}2017"


def _read(home: Path, asked: Asked) -> DataFolder:
    def index(part: Part) -> SampleIndex:
        masks = list_files(home / _MAPS / f"{part}2017").first_of_each()
        return index_files(list_files(coco_images(home, part)), f"{part}/", part, masks)

    return assemble("coco_stuff", home, asked, COCO_STUFF, train=index("train"), val=index("val"))


COCO_STUFF_LAYOUT = Layout(
    "coco_stuff",
    tuple((images, f"{_MAPS}/train2017") for images in ("images/train2017", "train2017")),
    "images/{train2017,val2017}/NAME.jpg (or train2017/ and val2017/ without images/) and "
    f"{_MAPS}/{{train2017,val2017}}/NAME.png",
    _read,
    ("", "coco"),
)
