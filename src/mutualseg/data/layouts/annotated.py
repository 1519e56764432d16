"""Images and the annotation files of a labeling tool (LabelMe, COCO, CVAT), drawn once into the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from mutualseg.data import coco_json, cvat, labelme
from mutualseg.data.catalog.entry import Entry
from mutualseg.data.class_files import ClassFile, color_of_each, read_class_file
from mutualseg.data.drawn_masks import DrawnMasks, Progress
from mutualseg.data.file_names import stem_of
from mutualseg.data.folder import DataFolder
from mutualseg.data.label_names import is_background
from mutualseg.data.layouts.annotated_images import PartedImages, find_images, part_named
from mutualseg.data.layouts.layout import Asked, Layout, assemble
from mutualseg.data.listing import walk_names
from mutualseg.data.pairing import index_files
from mutualseg.data.samples import PARTS, Part
from mutualseg.errors import DataError, MaskError

_LOOKED_AT = 20_000
_OPENED = 20
"""Names that are listed, and annotation files that are opened, to find out whether a layout is here."""

Names = Sequence[str] | None


@dataclass(frozen=True)
class Tool:
    """What writes annotations of one kind."""

    layout: str
    suffix: str
    recognizes: Callable[[Path], bool]
    draw: Callable[[Sequence[Path], Mapping[str, Path], Names, Progress | None], DrawnMasks]
    """Draws what annotation files say of images by name."""
    one_for_all: bool
    """Whether one file speaks of all images, and not each of one."""
    empty_as: Mapping[bool, str]
    """What to do against it where images without shapes are background (True) or unlabeled (False)."""


@dataclass(frozen=True)
class _Drawn:
    classes: tuple[str, ...]
    masks: dict[str, str]
    """By the image's path below the folder of images."""
    part_of: dict[str, Part]
    """Of images that lie together, but are listed in a file for each part."""
    notes: list[str]


def _read(tool: Tool, home: Path, asked: Asked) -> DataFolder:
    found = [home / path for path in walk_names(home) if path.lower().endswith(tool.suffix)]
    images = find_images(home)
    # A damaged file of an image that is there must be refused by name, and not make the image unlabeled.
    stems = set() if tool.one_for_all else {stem_of(name).rsplit("/", 1)[-1] for name in images.named(None)}
    sources = [path for path in found if tool.recognizes(path) or stem_of(path.name) in stems]
    if not images.named(None):
        raise DataError(
            f"{home} has annotations ({sources[0]}) but no image; put the images into {home / 'images'}."
        )
    named = read_class_file(home)
    drawn = _draw(tool, home, sources, images, named.names if named else asked.classes, asked.progress)
    parted = images.divided_by(drawn.part_of)
    samples = {
        part: index_files(
            parted.parts[part],
            f"{part}/" if parted.divided else "",
            part,
            _by_stem(drawn.masks, parted.prefix(part)),
        )
        for part in PARTS
    }
    return assemble(
        tool.layout,
        home,
        asked,
        Entry(drawn.classes, color_of_each(named.colors if named else {}, len(drawn.classes))),
        train=samples["train"],
        val=samples["val"],
        test=samples["test"],
        class_source=named.source if named else "annotations",
        notes=[*drawn.notes, *(_uncovered(named) if named else [])],
    )


def _draw(
    tool: Tool,
    home: Path,
    sources: Sequence[Path],
    images: PartedImages,
    classes: Names,
    progress: Progress | None,
) -> _Drawn:
    """Draw file by file, or all at once where each is of one image."""
    if not tool.one_for_all:
        drawn = tool.draw(sources, images.named(None), classes, progress)
        return _Drawn(drawn.classes, _texts(drawn), {}, _told(tool, drawn, home))
    part_by_file = {source: part_named(source.relative_to(home).as_posix()) for source in sources}
    # The training file first: without a class list it names the classes.
    ordered = sorted(sources, key=lambda source: (part_by_file[source] not in ("train", None), source))
    is_divided_by_files = "train" in part_by_file.values() and len(sources) > 1
    masks: dict[str, str] = {}
    part_of: dict[str, Part] = {}
    notes: list[str] = []
    for source in ordered:
        part = part_by_file[source]
        own = images.named(part if images.divided else None)
        if not own:
            notes.append(f"There are no images for {source}, which is left out.")
            continue
        drawn = tool.draw([source], own, classes, progress)
        twice = sorted(masks.keys() & drawn.masks.keys())
        if twice:
            raise MaskError(
                f"{source} annotates {twice[0]}, which another file does too; keep one file for each image."
            )
        classes = classes or drawn.classes
        masks |= _texts(drawn)
        if is_divided_by_files and part is not None:
            part_of |= dict.fromkeys((*drawn.masks, *drawn.empty), part)
        notes += _told(tool, drawn, source)
    return _Drawn(tuple(classes or ()), masks, part_of, notes)


def _texts(drawn: DrawnMasks) -> dict[str, str]:
    return {image: str(mask) for image, mask in drawn.masks.items()}


def _told(tool: Tool, drawn: DrawnMasks, source: Path) -> list[str]:
    """Say which images are not there, and what those without a shape are taken for."""
    notes = []
    if drawn.absent:
        notes.append(f"{len(drawn.absent)} images that {source} annotates are not there ({drawn.absent[0]}).")
    if drawn.empty:
        drawn_too = drawn.empty[0] in drawn.masks
        taken = "for background all over" if drawn_too else "as unlabeled"
        notes.append(
            f"{len(drawn.empty)} images have no object in {source} ({drawn.empty[0]}) and are taken {taken}; "
            f"{tool.empty_as[drawn_too]}."
        )
    return notes


def _uncovered(named: ClassFile) -> list[str]:
    if any(map(is_background, named.names)):
        return []
    return [
        f"{named.source} has no class background, so pixels that no shape covers are 255 (ignore); add "
        "background to it if they are one class."
    ]


def _by_stem(masks: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        stem_of(image.removeprefix(prefix)): mask for image, mask in masks.items() if image.startswith(prefix)
    }


def _is_here(tool: Tool, home: Path) -> bool:
    if home.is_file():
        return tool.recognizes(home)
    names = (name for name in islice(walk_names(home), _LOOKED_AT) if name.lower().endswith(tool.suffix))
    return any(tool.recognizes(home / name) for name in islice(names, _OPENED))


def _layout(tool: Tool, expects: str) -> Layout:
    return Layout(tool.layout, (), expects, partial(_read, tool), recognize=partial(_is_here, tool))


LABELME_LAYOUT = _layout(
    Tool(
        "labelme",
        ".json",
        labelme.is_labelme,
        lambda files, images, classes, progress: labelme.draw_masks(
            files, images, classes, progress=progress
        ),
        one_for_all=False,
        empty_as={
            True: "delete the .json files of those that nobody has annotated yet",
            False: "background would need a class of that name",
        },
    ),
    "LabelMe's NAME.json for each annotated image, beside the images or in a folder beside images/",
)
COCO_JSON_LAYOUT = _layout(
    Tool(
        "coco_json",
        ".json",
        coco_json.is_coco,
        lambda files, images, classes, progress: coco_json.draw_masks(
            files[0], images, classes, empty_is_background=None, progress=progress
        ),
        one_for_all=True,
        empty_as={
            True: 'take them out of "images" if nobody has annotated them yet',
            False: "if they show background only, give each an object of a category called background",
        },
    ),
    "a .json file in COCO's format with `images`, `annotations` and `categories`, beside images/ or the "
    "images",
)
CVAT_LAYOUT = _layout(
    Tool(
        "cvat",
        ".xml",
        cvat.is_cvat,
        lambda files, images, classes, progress: cvat.draw_masks(
            files[0], images, classes, progress=progress
        ),
        one_for_all=True,
        empty_as={
            True: "take them out of the file if nobody has annotated them yet",
            False: "if they show background only, give each a shape of a label called background",
        },
    ),
    "annotations.xml in the format 'CVAT for images 1.1', beside images/ or the images",
)
