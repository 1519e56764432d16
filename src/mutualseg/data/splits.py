"""Which training images are labeled, which unlabeled, and which are held out to measure on.

Choices follow from the seed and the sorted names: they do not depend on the order in which a file system
lists files, and fewer labels are a subset of more (1/32 lies within 1/16). Stratified ones follow from the
masks too, and are a subset unless so few are asked for that only another choice holds every class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mutualseg.data.class_pixels import ClassPixels
from mutualseg.data.folder import DataFolder
from mutualseg.data.grouping import Grouping, without_groups_of
from mutualseg.data.labeled_choice import choose, hold_out, labeled_count, whole_groups
from mutualseg.data.labeled_list import find_listed
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, Split
from mutualseg.data.split_file import reuse_split
from mutualseg.data.unlabeled import choose_unlabeled, find_unlabeled
from mutualseg.errors import DataError, SplitError

__all__ = ["Split", "make_split", "require_unlabeled"]


def make_split(
    folder: DataFolder,
    *,
    labeled: str | int | None = None,
    unlabeled: Sequence[Path] = (),
    split_seed: int = 0,
    group: str | None = None,
    class_pixels: ClassPixels | None = None,
) -> Split:
    """Split a data folder into labeled, unlabeled, val and test.

    Without a val part, ceil(10%) of all images with masks, at least 2, are held out as val. That
    happens before `labeled` reduces the rest, so that runs with fewer labels are measured on the
    same images; a fraction is of those that remain.

    Args:
        folder: The data folder.
        labeled: "1/16" keeps ceil(labeled / 16) images, 23 keeps 23, a path names a list of
            images or a file that `mutualseg split` wrote; None keeps all that have a mask.
        unlabeled: Folders of further images, and .txt lists of images. With a list, the data folder's own
            unlabeled images are those that lists name.
        split_seed: Chooses the held-out and the labeled images.
        group: Regular expression on names; images for which its group 1 (else its match) is equal
            are never divided between labeled, unlabeled and val. Counts are then met as
            nearly as whole groups allow. Unlabeled images of a labeled group remain unlabeled. None
            takes the pattern of the folder's layout, where it has one.
        class_pixels: The pixels of each class in all masks of the training part. Held-out and labeled
            images are then chosen so that no class is lost if that can be helped; a list decides itself.

    Returns:
        The split.

    Raises:
        SplitError: The asked-for split cannot be made.
        DataError: An `unlabeled` folder or list is missing or empty.
    """
    everything = SampleIndex.of(folder.train)
    listed_in = None
    if labeled is not None and labeled_count(labeled) is None:
        listed_in = Path(str(labeled).strip())
        if listed_in.suffix.lower() == ".json":
            split = reuse_split(listed_in, folder, unlabeled)
            if group not in (None, split.group):
                raise SplitError(f"{listed_in} already fixes the groups; leave out --group.")
            if split_seed not in (0, split.split_seed):
                raise SplitError(f"{listed_in} already fixes the split; leave out --split-seed.")
            return split
    notes = list(folder.notes)
    if group is None and folder.group is not None:
        group = folder.group
        notes.append(
            f"Images whose names agree in {group} stay on one side, as is usual for {folder.layout}; "
            "--group changes that."
        )
    grouping = Grouping(group)
    grouping.require_match(everything)
    scored = (*folder.val, *folder.test, *folder.unscored)
    train = without_groups_of(scored, everything, grouping, notes)
    listed: list[Sample] = []
    if listed_in is not None:
        class_pixels = None  # the list decides
        listed = find_listed(listed_in, folder.root, everything, scored, notes)
    masked = train.labeled()
    val = list(folder.val)
    if not folder.val:
        val = hold_out(masked, listed, grouping, split_seed, notes, class_pixels)
        train = without_groups_of(val, train, grouping, notes, expected={sample.name for sample in val})
        masked = train.labeled()
        scored = (*scored, *val)
    if listed_in is not None:
        chosen = whole_groups(listed, masked, grouping, listed_in, notes)
    else:
        chosen = choose(masked, labeled, grouping, split_seed, notes, class_pixels)
    named = find_unlabeled(unlabeled, folder.root, everything, (*folder.val, *folder.test, *folder.unscored))
    rest = train.without({sample.name for sample in chosen}).without_masks()
    kept, dropped = choose_unlabeled(named, rest, chosen, scored, grouping)
    return Split(
        labeled=_by_name(chosen),
        unlabeled=kept,
        val=_by_name([replace(sample, part="val") for sample in val]),
        test=folder.test,
        split_seed=split_seed,
        val_from="part" if folder.val else "held out",
        group=group,
        notes=(*notes, *dropped),
    )


def require_unlabeled(split: Split) -> None:
    """Raise a DataError if a split has no unlabeled image, which all methods but one need."""
    if not split.unlabeled:
        raise DataError(
            "There is no unlabeled image; give a folder with --unlabeled DIR, keep fewer labels with "
            "--labeled 1/16, or train without any by --method labels_only."
        )


def _by_name(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: sample.name))
