"""JPEGImages/ and SegmentationClass/ with the user's own classes, as CVAT and others export masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.file_names import last_part, stem_of
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.layout import Asked, Layout
from mutualseg.data.layouts.list_files import chosen_files
from mutualseg.data.layouts.own_classes import assemble_own
from mutualseg.data.layouts.voc import VOC_BLENDED, VOC_FINE, VOC_OWN
from mutualseg.data.listing import Files, list_files
from mutualseg.data.samples import PARTS, Part, is_image_file
from mutualseg.errors import DataError

_IMAGES, _MASKS = "JPEGImages", "SegmentationClass"
_LISTS = "ImageSets/Segmentation"


def _read(home: Path, asked: Asked) -> DataFolder:
    images, masks = list_files(home / _IMAGES), list_files(home / _MASKS)
    lists: dict[Part, Path] = {
        part: path for part in PARTS if (path := home / _LISTS / f"{part}.txt").is_file()
    }
    if not lists:
        return assemble_own("voc_like", home, asked, {"train": (images, masks)})
    listed = {part: _listed(path, images) for part, path in lists.items()}
    scored = {*listed.get("val", ()), *listed.get("test", ())}
    # Without a list of its own, what is not measured on is for training.
    train = listed.get("train", images.stems)
    notes = []
    if twice := sorted(scored.intersection(train)) if "train" in listed else []:
        notes.append(
            f"{len(twice)} listed training images are in val or test too, and left out ({twice[0]})."
        )
    # Nobody lists what has no mask: it is what one learns from without labels.
    known, labeled = scored.union(train), set(masks.stems)
    unlisted = [stem for stem in images.stems if stem not in known]
    if passed_over := [stem for stem in unlisted if stem in labeled]:
        notes.append(
            f"{len(passed_over)} images with a mask are in no list of {home / _LISTS} and are left out "
            f"({passed_over[0]}); add them to a list."
        )
    names: dict[Part, Iterable[str]] = {
        "train": {*train, *unlisted} - scored - set(passed_over),
        "val": listed.get("val", ()),
        "test": set(listed.get("test", ())).difference(listed.get("val", ())),
    }
    named = {part: set(chosen) for part, chosen in names.items()}
    by_part = {
        part: (chosen_files(images, named[part]), chosen_files(masks, named[part]))
        for part in PARTS
        if part == "train" or named[part]
    }
    bare = [stem for stem in masks.stems if stem not in set(images.stems)]
    if bare:
        notes.append(f"{len(bare)} masks have no image of the same name and are left out ({bare[0]}).")
    return assemble_own("voc_like", home, asked, by_part, notes)


def _listed(path: Path, images: Files) -> Sequence[str]:
    """Return the stems that a list names, one a line: with folders and suffix or without."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    stems = set(images.stems)
    found = {line.strip(): _stem(line.strip(), stems) for line in lines if line.strip()}
    gone = [line for line, stem in found.items() if stem is None]
    if gone:
        raise DataError(
            f"{path} names {len(gone)} images that are not in {images.folder} ({gone[0]}); correct the list."
        )
    return [stem for stem in found.values() if stem is not None]


def _stem(line: str, stems: set[str]) -> str | None:
    for name in (line, line.split()[0]):  # the path of the mask may follow
        bare = stem_of(name if is_image_file(name) else f"{name}.png")
        for below in (bare, bare.partition(f"{_IMAGES}/")[2], last_part(bare)):
            if below in stems:
                return below
    return None


def _is_no_voc(home: Path) -> bool:
    return not any(layout.is_here(home) for layout in (VOC_FINE, VOC_OWN, VOC_BLENDED))


VOC_LIKE = Layout(
    "voc_like",
    ((_IMAGES, _MASKS),),
    f"{_IMAGES}/NAME.jpg and {_MASKS}/NAME.png with classes of your own, which labelmap.txt or another class "
    f"list names, and {_LISTS}/train.txt, val.txt and test.txt where there are parts",
    _read,
    VOC_OWN.homes,
    confirm=_is_no_voc,
)
