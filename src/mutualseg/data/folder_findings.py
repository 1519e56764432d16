"""What the doctor finds in a folder without opening its files: names, parts, identical images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mutualseg.data.findings import Finding, make_finding
from mutualseg.data.folder import orphan_masks
from mutualseg.data.labeled_choice import HELD_OUT_LEAST
from mutualseg.data.listing import Tree, misnamed_parts
from mutualseg.data.samples import Sample
from mutualseg.data.unlabeled_lists import UnlabeledList


def listing_findings(images: Tree, masks: Tree) -> Iterator[Finding]:
    """Yield what is wrong with the file names: clashes, strays, masks without an image."""
    for kind, tree in (("images", images), ("masks", masks)):
        clashing = [path for paths in tree.clashes() for path in paths]
        if clashing:
            yield make_finding(
                "error", f"{kind} share their name but for the suffix", "keep one of each", clashing
            )
        if tree.outside:
            yield make_finding(
                "warning",
                f"files beside train/ in {tree.root} are left out",
                "move them below a part",
                tree.outside,
            )
        for suffix, count in sorted(tree.unknown.items()):
            yield make_finding(
                "warning",
                f"{suffix} file in {tree.root} is left out",
                "save images as PNG or JPEG",
                count=count,
            )
    orphans = orphan_masks(images, masks)
    if orphans:
        cure = "rename them as their images, or remove them"
        if images.has_parts != masks.has_parts:
            cure = "put train/, val/, test/ below both images/ and masks/, or below neither"
        yield make_finding("error", "mask has no image of the same name", cure, orphans)


def part_findings(root: Path, samples: Sequence[Sample], further: Sequence[Sample]) -> Iterator[Finding]:
    """Yield which parts lack images or masks; `further` are images of `--unlabeled` folders."""
    train = [sample for sample in samples if sample.part == "train"]
    if not any(sample.mask for sample in train):
        yield make_finding(
            "error", "no labeled training image", f"put masks with the images' names below {root / 'masks'}"
        )
    if all(sample.mask for sample in train) and not further:
        yield make_finding(
            "warning",
            "no unlabeled training image",
            "give a folder with --unlabeled DIR, keep fewer labels with --labeled 1/16, or train with "
            "--method labels_only",
        )
    unscored = [sample.image for sample in samples if sample.part != "train" and not sample.mask]
    if unscored:
        yield make_finding(
            "warning", "image of val or test has no mask and is left out", "add its mask", unscored
        )
    if any(sample.part == "val" and sample.mask for sample in samples):
        return
    if 0 < sum(sample.mask is not None for sample in train) <= HELD_OUT_LEAST:
        yield make_finding(
            "error",
            f"no val part, and {HELD_OUT_LEAST} labeled images or fewer are too few to hold some out",
            "label more images, or add images/val and masks/val",
        )
    else:
        yield make_finding(
            "warning",
            "no val part: a tenth of the labeled images will be held out",
            "add images/val and masks/val to choose it yourself",
        )


def misnamed_findings(root: Path) -> Iterator[Finding]:
    """Yield subfolders that look like a part under another name: they are read as training images."""
    for folder, part in misnamed_parts(root):
        yield make_finding(
            "warning", f"{folder} is read as training images", f"rename it to {part} if that is what it is"
        )


def list_findings(lists: Sequence[UnlabeledList]) -> Iterator[Finding]:
    """Yield what is worth a look in lists of unlabeled images."""
    for one in lists:
        if one.others:
            yield make_finding(
                "warning",
                f"image that {one.path} lists is one of val or test and will be dropped",
                "nothing needs doing; take it off the list to be rid of this line",
                count=len(one.others),
            )
