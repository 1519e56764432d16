"""The layouts that data folders may have: images/ and masks/, public data sets, annotation files."""

from __future__ import annotations

from pathlib import Path

from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.layouts.acdc import ACDC_LAYOUT
from mutualseg.data.layouts.ade20k import ADE20K_LAYOUT
from mutualseg.data.layouts.annotated import COCO_JSON_LAYOUT, CVAT_LAYOUT, LABELME_LAYOUT
from mutualseg.data.layouts.camvid import CAMVID_LAYOUT
from mutualseg.data.layouts.cityscapes import CITYSCAPES_LAYOUT
from mutualseg.data.layouts.coco import COCO_LAYOUT, COCO_PANOPTIC_LAYOUT
from mutualseg.data.layouts.coco_stuff import COCO_STUFF_LAYOUT
from mutualseg.data.layouts.huggingface import HUGGINGFACE_LAYOUT
from mutualseg.data.layouts.layout import Asked, Layout
from mutualseg.data.layouts.parted_like import ADE20K_LIKE, CAMVID_LIKE
from mutualseg.data.layouts.voc import VOC_BLENDED, VOC_FINE, VOC_OWN
from mutualseg.data.layouts.voc_like import VOC_LIKE

__all__ = ["FOLDER", "LAYOUTS", "Layout"]


def _read_folder(home: Path, asked: Asked) -> DataFolder:
    return read_folder(home, ignore=asked.ignore, images=asked.images, skip_broken=asked.skip_broken)


FOLDER = Layout(
    "folder", (("images", "masks"),), "images/ and masks/ with files of the same names", _read_folder
)

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        FOLDER,
        VOC_FINE,
        VOC_OWN,
        VOC_BLENDED,
        CITYSCAPES_LAYOUT,
        ADE20K_LAYOUT,
        COCO_STUFF_LAYOUT,
        COCO_PANOPTIC_LAYOUT,
        COCO_LAYOUT,
        CAMVID_LAYOUT,
        ACDC_LAYOUT,
        HUGGINGFACE_LAYOUT,
        VOC_LIKE,
        ADE20K_LIKE,
        CAMVID_LIKE,
        LABELME_LAYOUT,
        COCO_JSON_LAYOUT,
        CVAT_LAYOUT,
    )
}
"""By name, in the order in which they are looked for: the first that is here is taken."""
