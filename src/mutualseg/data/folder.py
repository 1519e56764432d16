"""A data folder: images/ and masks/, with or without train/, val/, test/ below each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.class_names import read_classes
from mutualseg.data.encoding import PLAIN, Encoding
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.listing import Tree, list_tree, misnamed_parts
from mutualseg.data.mask_codes import Color
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import IMAGE_SUFFIXES, PARTS, Part, Sample
from mutualseg.data.skipping import too_many
from mutualseg.errors import DataError

__all__ = ["DataFolder", "a_few", "load_listing", "orphan_masks", "pair", "read_folder"]


@dataclass(frozen=True)
class DataFolder:
    """The samples of a data folder by part, each part sorted by name."""

    root: Path
    train: Sequence[Sample]
    """With masks and without: an image without one is unlabeled. `read_folder` gives a `SampleIndex`."""
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    classes: tuple[str, ...]
    """Names in index order."""
    class_source: str
    """Where the names come from: a file's name, "masks", or the layout's."""
    colors: tuple[Color, ...] | None = None
    """RGB of each class in pictures, where the data set has its own."""
    encoding: Encoding = PLAIN
    """How its images and masks are read."""
    layout: str = "folder"
    """Name of the public layout that it has; "folder" is images/ and masks/."""
    group: str | None = None
    """What stays on one side where the user does not say: slices of a patient, say."""
    unscored: tuple[Sample, ...] = ()
    """Images of val and test without a mask: neither scored nor trained on."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what was left out."""

    @property
    def num_classes(self) -> int:
        """Return the number of classes."""
        return len(self.classes)

    @property
    def labeled(self) -> tuple[Sample, ...]:
        """Return the training samples that have a mask."""
        return tuple(SampleIndex.of(self.train).labeled())


def read_folder(
    root: Path, *, ignore: int | None = None, images: ImageCode = RGB, skip_broken: bool = False
) -> DataFolder:
    """List a data folder, pair images with masks, and find its classes.

    Args:
        root: Folder that holds images/ and masks/.
        ignore: A mask value that means "class unknown", beside 255 (see `read_classes`).
        images: How images are read.
        skip_broken: Leave out masks that cannot be read where classes are looked for, and up to 5 percent
            that have no image.

    Returns:
        The folder's samples and classes.

    Raises:
        DataError: The folder is missing, empty or contradicts itself.
        MaskError: The masks cannot be what a class count needs.
    """
    image_files, mask_files = load_listing(root)
    for kind, tree in (("images", image_files), ("masks", mask_files)):
        clashes = tree.clashes()
        if clashes:
            raise DataError(
                f"{len(clashes)} {kind} share their name with another but for the suffix "
                f"({a_few(clashes[0])}); keep one of each."
            )
    orphans = orphan_masks(image_files, mask_files)
    lone: tuple[str, ...] = ()
    if skip_broken and orphans and not too_many(len(orphans), image_files.count()):
        lone = (f"{len(orphans)} masks have no image of the same name and are left out ({a_few(orphans)}).",)
    elif orphans:
        hint = "rename them as their images, or remove them"
        if image_files.has_parts != mask_files.has_parts:
            hint = "train/, val/, test/ must lie below both images/ and masks/, or below neither"
        raise DataError(f"{len(orphans)} masks have no image of the same name ({a_few(orphans)}); {hint}.")
    parts = {part: pair(image_files, mask_files, part) for part in PARTS}
    if not len(parts["train"].masked):
        raise DataError(
            f"{root} has no labeled training image; put a mask with the image's name below {root / 'masks'}."
        )
    scored = {part: tuple(sample for sample in parts[part] if sample.mask) for part in PARTS[1:]}
    masked = [*parts["train"].labeled(), *scored["val"], *scored["test"]]
    classes = read_classes(
        root, [sample.mask for sample in masked if sample.mask], ignore=ignore, skip_broken=skip_broken
    )
    unscored = tuple(sample for part in PARTS[1:] for sample in parts[part] if not sample.mask)
    return DataFolder(
        root=root,
        train=parts["train"],
        val=scored["val"],
        test=scored["test"],
        classes=classes.names,
        class_source=classes.source,
        colors=classes.colors,
        encoding=Encoding(images, classes.code),
        unscored=unscored,
        notes=(
            *classes.notes,
            *classes.warnings,
            *lone,
            *_notes(image_files, mask_files, unscored),
            *(
                f"{folder} is read as training images; rename it to {part} if that is what it is."
                for folder, part in misnamed_parts(root)
            ),
        ),
    )


def load_listing(root: Path) -> tuple[Tree, Tree]:
    """List images/ and masks/ of a data folder; a DataError if there is nothing to begin with."""
    if not root.is_dir():
        raise DataError(f"The data folder {root} does not exist; check the path.")
    if os.access(root, os.R_OK) and not any(root.iterdir()):
        raise DataError(f"The data folder {root} is empty; put images into {root / 'images'}.")
    if not (root / "images").is_dir():
        raise DataError(
            f"{root} has no folder images/{_looks_like(root)}; put the images there, and their masks into "
            "masks/."
        )
    images, masks = list_tree(root / "images"), list_tree(root / "masks")
    if not images.count():
        others = f", only {_counted(images.unknown)}" if images.unknown else ""
        kinds = ", ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise DataError(f"{root / 'images'} holds no image{others}; the suffixes read are {kinds}.")
    return images, masks


def _looks_like(root: Path) -> str:
    """Say what stands where images/ should, if it is plain."""
    held = sorted(path.name for path in root.iterdir() if path.is_dir())
    part = next((name for name in held if (root / name / "images").is_dir()), None)
    if part is not None:
        return f", but {part}/images, which must be images/{part} (and masks/{part})"
    alike = next(
        (name for name in held if name.lower() in ("images", "image", "imgs", "img", "jpegimages")), None
    )
    if alike is not None:
        return f", but {alike}/, which must be called images"
    return f", only {', '.join(f'{name}/' for name in held[:4])}" if held else ""


def pair(images: Tree, masks: Tree, part: Part) -> SampleIndex:
    """Return the samples of one part, sorted by name; of files that clash, the first."""
    prefix = f"{part}/" if images.has_parts else ""
    return index_files(images.files[part], prefix, part, masks.files[part].first_of_each())


def orphan_masks(images: Tree, masks: Tree) -> list[Path]:
    """Return the masks without an image of the same part and stem."""
    orphans = []
    for part in PARTS:
        if masks.files[part].stems:
            stems = set(images.files[part].stems)
            by_stem = masks.files[part].by_stem()
            orphans += [path for stem, paths in by_stem.items() if stem not in stems for path in paths]
    return orphans


def a_few(paths: Sequence[Path], most: int = 3) -> str:
    """Return the first few paths, for a message."""
    text = ", ".join(str(path) for path in paths[:most])
    return text if len(paths) <= most else f"{text}, ..."


def _notes(images: Tree, masks: Tree, unscored: Sequence[Sample]) -> Iterable[str]:
    if unscored:
        first = a_few([sample.image for sample in unscored])
        yield f"{len(unscored)} images of val and test have no mask and are left out ({first})."
    for tree in (images, masks):
        if tree.outside:
            yield (
                f"{len(tree.outside)} files lie beside train/ in {tree.root} and are left out "
                f"({a_few(tree.outside)})."
            )
        if tree.unknown:
            yield f"{_counted(tree.unknown)} in {tree.root} are no images and are left out."


def _counted(unknown: Counter[str]) -> str:
    return ", ".join(f"{count} {suffix} files" for suffix, count in sorted(unknown.items()))
