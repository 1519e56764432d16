"""Cityscapes: images of cities below leftImg8bit, fine masks below gtFine."""

from __future__ import annotations

from pathlib import Path

from mutualseg.data.catalog.cityscapes import CITYSCAPES, CITYSCAPES_TRAIN_IDS
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part

_IMAGE = "_leftImg8bit"
_IDS, _TRAIN_IDS = "_gtFine_labelIds", "_gtFine_labelTrainIds"


def _read(home: Path, asked: Asked) -> DataFolder:
    masks = {
        ending: {part: _masks(home, part, ending) for part in ("train", "val")}
        for ending in (_IDS, _TRAIN_IDS)
    }
    # Two codes cannot be mixed: what the scripts have mapped is used where they have mapped everything.
    mapped = any(masks[_TRAIN_IDS].values()) and all(
        own.keys() <= masks[_TRAIN_IDS][part].keys() for part, own in masks[_IDS].items()
    )
    chosen = masks[_TRAIN_IDS if mapped else _IDS]
    extra = _images(home, "train_extra", "train", {})
    notes = [f"The {len(extra)} images of train_extra are unlabeled."] if len(extra) else []
    return assemble(
        "cityscapes",
        home,
        asked,
        CITYSCAPES_TRAIN_IDS if mapped else CITYSCAPES,
        train=(_images(home, "train", "train", chosen["train"]) + extra).sorted_by_name(),
        val=_images(home, "val", "val", chosen["val"]),
        test=_images(home, "test", "test", {}),  # the masks that are published for it are blank
        notes=notes,
    )


def _images(home: Path, folder: str, part: Part, masks: dict[str, str]) -> SampleIndex:
    return index_files(list_files(home / "leftImg8bit" / folder, _IMAGE), f"{folder}/", part, masks)


def _masks(home: Path, part: str, ending: str) -> dict[str, str]:
    return list_files(home / "gtFine" / part, ending).first_of_each()


CITYSCAPES_LAYOUT = Layout(
    "cityscapes",
    (("leftImg8bit/train", "gtFine/train"),),
    "leftImg8bit/{train,val}/CITY/NAME_leftImg8bit.png and gtFine/{train,val}/CITY/NAME_gtFine_labelIds.png",
    _read,
    ("", "cityscapes"),
)
