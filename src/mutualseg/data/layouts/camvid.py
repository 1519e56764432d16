"""CamVid, in its original edition (701 stills, masks in colors) and in SegNet's (indices, in three parts)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mutualseg.data.catalog.camvid import CAMVID, CAMVID_SEGNET, LABELS
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.layouts.list_files import chosen_files
from mutualseg.data.layouts.own_classes import names_agree
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS, Part

_STILLS, _LABELS = "701_StillsRaw_full", "LabeledApproved_full"


def _read(home: Path, asked: Asked) -> DataFolder:
    return _original(home, asked) if (home / _STILLS).is_dir() else _segnet(home, asked)


def _original(home: Path, asked: Asked) -> DataFolder:
    files = list_files(home / _STILLS)
    masks = list_files(home / _LABELS, "_L").first_of_each()

    def index(part: Part) -> SampleIndex:
        own = chosen_files(files, (stem for stem in files.stems if part_of(stem) == part))
        return index_files(own, f"{part}/", part, masks)

    return assemble(
        "camvid",
        home,
        asked,
        CAMVID,
        train=index("train"),
        val=index("val"),
        test=index("test"),
        notes=["The 701 stills of CamVid are divided as in SegNet: 367 to train on, 101 val, 233 test."],
    )


def part_of(name: str) -> Part:
    """Return the part that SegNet's edition gives a still, such as "0001TP_006690".

    Of the drive by day 0016E5 its annotated 15 frames a second are val, of that at dusk 0001TP the second
    half is test, as is Seq05VD; the rest is for training.
    """
    sequence, _, frame = name.partition("_")
    number = int(digits) if (digits := frame.removeprefix("f")).isdecimal() else -1
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"


def _segnet(home: Path, asked: Asked) -> DataFolder:
    parts: Mapping[Part, SampleIndex] = {
        part: index_files(
            list_files(home / part), f"{part}/", part, list_files(home / f"{part}annot").first_of_each()
        )
        for part in PARTS
    }
    return assemble(
        "camvid",
        home,
        asked,
        CAMVID_SEGNET,
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
    )


CAMVID_LAYOUT = Layout(
    "camvid",
    ((_STILLS, _LABELS), ("train", "trainannot")),
    f"{_STILLS}/NAME.png and {_LABELS}/NAME_L.png, or SegNet's {{train,val,test}}/NAME.png and "
    "{train,val,test}annot/NAME.png",
    _read,
    ("", "CamVid"),
    confirm=names_agree(CAMVID.classes, (name for name in LABELS if name != "Void")),
)
