"""Folders of ADE20K's and of SegNet's CamVid's shape with the user's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.ade20k import ADE20K_LAYOUT
from mutualseg.data.layouts.camvid import CAMVID_LAYOUT
from mutualseg.data.layouts.layout import Asked, Layout
from mutualseg.data.layouts.own_classes import assemble_own
from mutualseg.data.listing import list_files
from mutualseg.data.samples import Part

Places = Mapping[Part, tuple[str, str]]
"""The folders of images and masks by part."""

_ADE20K: Places = {
    "train": ("images/training", "annotations/training"),
    "val": ("images/validation", "annotations/validation"),
    "test": ("images/testing", "annotations/testing"),
}
_CAMVID: Places = {
    "train": ("train", "trainannot"),
    "val": ("val", "valannot"),
    "test": ("test", "testannot"),
}


def _read(name: str, places: Places, home: Path, asked: Asked) -> DataFolder:
    parts = {
        part: (list_files(home / images), list_files(home / masks))
        for part, (images, masks) in places.items()
        if part == "train" or (home / images).is_dir()
    }
    return assemble_own(name, home, asked, parts)


def _layout(public: Layout, places: Places, shape: str) -> Layout:
    name = f"{public.name}_like"
    return Layout(
        name,
        (places["train"],),
        f"{shape} with classes of your own, which classes.txt or another class list names",
        partial(_read, name, places),
        confirm=lambda home: not public.is_here(home),
    )


ADE20K_LIKE = _layout(
    ADE20K_LAYOUT,
    _ADE20K,
    "images/{training,validation,testing}/NAME.jpg and annotations/{training,validation,testing}/NAME.png",
)
CAMVID_LIKE = _layout(CAMVID_LAYOUT, _CAMVID, "{train,val,test}/NAME.png and {train,val,test}annot/NAME.png")
