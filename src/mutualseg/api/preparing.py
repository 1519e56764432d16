"""`split` and `check`: what is done to data before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mutualseg.api.arguments import paths
from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from mutualseg.data.doctor import Report
    from mutualseg.data.splits import Split


def split(
    data: str,
    *,
    layout: str = "auto",
    ignore: int | None = None,
    out: str,
    labeled: str | int | None = None,
    unlabeled: str | Sequence[str] = (),
    split_seed: int = 0,
    group: str | None = None,
    stratify: bool = True,
) -> Split:
    """Choose labeled, unlabeled and val images ahead of training, and write the choice to a file.

    The labeled images are those of `train --labeled`, spread over the sorted names, with as few others
    swapped in as it takes to keep every class: each in at least one image and half of its even share of
    images, with a tenth of its even share of pixels, where that can be. A smaller part lies within a larger
    one, unless it is so small that only another choice holds every class. No class leaves training with the
    held-out images if that can be helped. `train --labeled 1/16` itself looks at no mask that it drops.

    Args:
        data: Data folder, or "generated"; it may stand as the first word without --data.
        layout: How the data folder is laid out: folder (images/ and masks/), voc, voc_fine, voc_blended,
            cityscapes, ade20k, coco, coco_panoptic, coco_stuff, camvid, acdc, huggingface, labelme,
            coco_json or cvat; auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        out: JSON file to write; `train --labeled FILE` uses it.
        labeled: Which masks to keep: a fraction (1/16), a count (23) or a list of names (one image a line,
            or image and mask).
        unlabeled: Further folder of images without masks, or a .txt list of images; may be given several
            times.
        split_seed: Of the choice.
        group: Regular expression on image names; images whose match (or first group) is equal stay
            together, as frames of one video or slices of one patient should.
        stratify: Look at all masks and keep every class, if that can be helped; false spreads blindly, as
            train does, and counts no class. A list that is given decides itself.

    Returns:
        The split; its `class_rows` say what each class has in all labeled images, the chosen ones and val.

    Raises:
        MutualSegError: the data or the split cannot be made.
    """
    from mutualseg import opened_data
    from mutualseg.data.class_pixels import class_rows, count_class_pixels
    from mutualseg.data.split_file import write_split
    from mutualseg.data.splits import make_split
    from mutualseg.reporting.progress import file_progress

    target = Path(out)
    if target.is_dir() or target.suffix != ".json":
        raise ConfigError(f"--out {out} must be a file that ends in .json.")
    source = opened_data.read_data(data, layout=layout, ignore=ignore)
    pixels = None
    if stratify:
        with file_progress("counting classes", quiet=False) as progress:
            masked = (*source.labeled, *source.val)
            pixels = count_class_pixels(masked, source.classes, source.encoding.masks.read, progress)
    made = make_split(
        source,
        labeled=labeled,
        unlabeled=paths(unlabeled),
        split_seed=split_seed,
        group=group,
        class_pixels=pixels,
    )
    if pixels is not None:
        made = replace(made, class_rows=class_rows(pixels, source.labeled, made.labeled, made.val))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_split(made, source.root, target)
    return made


def check(
    data: str,
    *,
    layout: str = "auto",
    ignore: int | None = None,
    channels: int | None = None,
    unlabeled: str | Sequence[str] = (),
    fix: str | None = None,
    sheet: str | None = None,
    quiet: bool = False,
) -> Report:
    """Look a data folder over and report everything that is wrong with it, each with its cure.

    Args:
        data: Data folder, or "generated"; it may stand as the first word without --data.
        layout: How the data folder is laid out: folder (images/ and masks/), or a public data set's name;
            auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        channels: Bands of the images; found out if not given.
        unlabeled: Further folder of images without masks, or a .txt list of images; may be given several
            times.
        fix: Write a cured copy of the folder here, and check that too; the folder itself stays as it is.
        sheet: PNG file to write: labeled images beside their masks, with a legend of the classes.
        quiet: Show no progress.

    Returns:
        Findings, and the count of images and pixels per class; with `fix`, what the copy has and lacks.

    Raises:
        MutualSegError: there is nothing to look at, or a file or folder to write is in the way.
    """
    from mutualseg import opened_data, resolving
    from mutualseg.reporting.checking import check_folder

    resolving.require_whole_numbers(ignore=ignore, channels=channels)
    return check_folder(
        opened_data.data_root(data),
        layout=layout,
        ignore=ignore,
        channels=channels,
        unlabeled=paths(unlabeled),
        fix=None if fix is None else Path(fix),
        sheet=None if sheet is None else Path(sheet),
        quiet=quiet,
    )
