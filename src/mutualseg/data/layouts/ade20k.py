"""ADE20K of the scene parsing challenge (ADEChallengeData2016)."""

from __future__ import annotations

from pathlib import Path

from mutualseg.data.catalog.ade20k import ADE20K
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.layouts.own_classes import names_agree
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part


def _read(home: Path, asked: Asked) -> DataFolder:
    def index(folder: str, part: Part) -> SampleIndex:
        masks = list_files(home / "annotations" / folder).first_of_each()
        return index_files(list_files(home / "images" / folder), f"{part}/", part, masks)

    return assemble(
        "ade20k",
        home,
        asked,
        ADE20K,
        train=index("training", "train"),
        val=index("validation", "val"),
    )


ADE20K_LAYOUT = Layout(
    "ade20k",
    (("images/training", "annotations/training"),),
    "images/{training,validation}/NAME.jpg and annotations/{training,validation}/NAME.png, as in "
    "ADEChallengeData2016",
    _read,
    ("", "ADEChallengeData2016"),
    confirm=names_agree(ADE20K.classes),
)
