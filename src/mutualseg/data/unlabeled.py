"""`--unlabeled` folders and lists: images from anywhere, without those that must not be trained on again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.duplicates import identical_to
from mutualseg.data.file_facts import FileFacts, file_facts, first_of_each
from mutualseg.data.grouping import Grouping, without_groups_of
from mutualseg.data.listing import walk_names
from mutualseg.data.regular_files import real_path
from mutualseg.data.sample_index import Head, SampleIndex
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.data.unlabeled_lists import UnlabeledList, is_list, read_unlabeled_list
from mutualseg.errors import DataError

COMPARED = 20_000
"""How many of a data folder's own unlabeled images are compared with those of val and test at most."""


@dataclass(frozen=True)
class Unlabeled:
    """What all `--unlabeled` folders and lists of a run name."""

    outside: SampleIndex
    """Images that the data folder does not list."""
    lists: tuple[UnlabeledList, ...] = ()


def find_unlabeled(
    given: Sequence[Path], root: Path, train: SampleIndex, others: Sequence[Sample]
) -> Unlabeled:
    """Find the images that `--unlabeled` names, in the order given.

    Args:
        given: Folders, searched recursively (of a data folder, images/ beside masks/, only images/ is), and
            lists: .txt files that name images of the data folder, or files.
        root: The data folder.
        train: Its training samples.
        others: Its samples of val and test.

    Returns:
        The images, those that are not of the data folder named by the folder's name and the path below it,
        suffix included; of a list's files the folder is the one that all of them have in common.

    Raises:
        DataError: A folder or list is missing, holds no image, or names one that there is not.
    """
    outside, lists = SampleIndex.empty(), []
    if not given:
        return Unlabeled(outside)
    heads = {name.split("/", 1)[0] for name in chain(train.names(), (sample.name for sample in others))}
    for path in given:
        if not is_list(path):
            found = _below(path, heads)
        elif path.is_file():
            lists.append(read_unlabeled_list(path, root, train, others))
            found = _of_files(lists[-1].files, heads)
        else:
            raise DataError(f"--unlabeled {path} does not exist; check the path.")
        outside += found
    return Unlabeled(outside, tuple(lists))


def choose_unlabeled(
    named: Unlabeled,
    rest: SampleIndex,
    labeled: Sequence[Sample],
    scored: Sequence[Sample],
    grouping: Grouping,
) -> tuple[SampleIndex, list[str]]:
    """Return the unlabeled training images, sorted by name, and notes on what was dropped.

    Args:
        named: What `--unlabeled` names.
        rest: Images of the data folder that may be trained on without label. If there are lists, those
            that they name are kept.
        labeled: Labeled training images.
        scored: Images of val and test, with and without masks.
        grouping: Groups of which no image is trained on if another is scored.
    """
    notes: list[str] = []
    if named.lists:
        rest = _listed(rest, named.lists, labeled, scored, notes)
    rest = _without_copies(rest, scored, notes)
    found, dropped = drop_used(named.outside, scored, labeled, rest)
    notes += dropped
    found = without_groups_of(scored, found, grouping, notes)
    return (rest + found).sorted_by_name(), notes


def drop_used(
    found: SampleIndex, scored: Sequence[Sample], labeled: Sequence[Sample], other: SampleIndex
) -> tuple[SampleIndex, list[str]]:
    """Return the found samples that are not used already, and a note on each kind that was dropped.

    Each file is looked at once for its size; only those of a used image's size are opened.

    Args:
        found: Samples of `--unlabeled` folders and lists.
        scored: Images of val and test, with and without masks.
        labeled: Labeled training images.
        other: Unlabeled training images, of which only the very file is not taken twice.
    """
    notes: list[str] = []
    if not found:
        return found, notes
    facts = file_facts(found.files())
    for samples, kind in ((scored, "val or test"), (labeled, "labeled training")):
        keep, same = _unlike(found, facts, samples)
        if same:
            notes.append(f"{same} --unlabeled files are identical to {kind} images and were dropped.")
            found, facts = found.select(np.flatnonzero(keep)), facts.taken(keep)
    once = first_of_each(facts, file_facts(other.files()))
    if not once.all():
        notes.append(f"{(~once).sum()} --unlabeled files were listed twice and are taken once.")
        found = found.select(np.flatnonzero(once))
    return found, notes


def _without_copies(rest: SampleIndex, scored: Sequence[Sample], notes: list[str]) -> SampleIndex:
    """Return the unlabeled images of the data folder that are not, byte for byte, scored ones."""
    if not rest or not scored:
        return rest
    if len(rest) > COMPARED:
        notes.append(
            f"{len(rest)} unlabeled images of the data folder were not compared with those of val and test, "
            "as they are so many; mutualseg check does it."
        )
        return rest
    keep, same = _unlike(rest, file_facts(rest.files()), scored)
    if not same:
        return rest
    notes.append(f"{same} unlabeled images are identical to val or test images and were dropped.")
    return rest.select(np.flatnonzero(keep))


def _unlike(
    found: SampleIndex, facts: FileFacts, used: Sequence[Sample]
) -> tuple[npt.NDArray[np.bool_], int]:
    """Tell which samples are not identical to a used image, bool [N], and how many files are.

    Only those that have the size of a used image are opened.
    """
    files = [sample.image for sample in used]
    suspects = np.flatnonzero(np.isin(facts.size, file_facts(map(str, files)).size))
    suspected = [found[place].image for place in suspects.tolist()]
    same = identical_to(suspected, files)
    keep = np.ones(len(found), np.bool_)
    keep[suspects] = [path not in same for path in suspected]
    return keep, len(same)


def _below(folder: Path, heads: set[str]) -> SampleIndex:
    """Return the images below a folder, sorted; the head of their names is added to those in use."""
    if not folder.is_dir():
        if folder.is_file():
            raise DataError(
                f"--unlabeled {folder} is not a folder; give the folder, or a list of names in a .txt file."
            )
        raise DataError(f"--unlabeled {folder} is not a folder; check the path.")
    is_data_folder = (folder / "images").is_dir() and (folder / "masks").is_dir()
    # Absolute, so that a run resumed from another place finds them.
    top = (folder / "images" if is_data_folder else folder).absolute()
    head = _head(top, real_path(folder).name, heads)
    found = SampleIndex.below(head, filter(is_image_file, walk_names(top)), {})
    if not found:
        raise DataError(f"--unlabeled {folder} holds no image; check the path.")
    return found


def _of_files(files: Sequence[str], heads: set[str]) -> SampleIndex:
    """Return image files anywhere as samples below the folder that they have in common."""
    if not files:
        return SampleIndex.empty()
    top = Path(os.path.commonpath([os.path.dirname(file) for file in files]))  # noqa: PTH120
    head = _head(top, top.name, heads)
    return SampleIndex.below(head, (file[len(head.image) :] for file in files), {})


def _head(top: Path, name: str, heads: set[str]) -> Head:
    """Return what the images below a folder have in common, under a name that no others have."""
    candidate, number = name or "unlabeled", 2
    while candidate in heads:
        candidate, number = f"{name}#{number}", number + 1
    heads.add(candidate)
    return Head(os.path.join(top, ""), f"{candidate}/", "whole", "train")  # noqa: PTH118  # ends with one /


def _listed(
    rest: SampleIndex,
    lists: Sequence[UnlabeledList],
    labeled: Sequence[Sample],
    scored: Sequence[Sample],
    notes: list[str],
) -> SampleIndex:
    """Return the unlabeled images of the data folder that lists name, and note what they name besides."""
    labeled_names = {sample.name for sample in labeled}
    scored_names = {sample.name for sample in scored}
    for one in lists:
        notes += one.notes
        again = len(one.train & labeled_names)
        if again:
            notes.append(f"{again} images of {one.path} are labeled, and not used again as unlabeled ones.")
        measured = len((one.train | one.others) & scored_names)
        if measured:
            notes.append(f"{measured} images of {one.path} are in val or test and were dropped.")
    named = frozenset().union(*(one.train for one in lists))
    places = [place for place, name in enumerate(rest.names()) if name in named]
    if len(places) < len(rest):
        notes.append(
            f"{len(rest) - len(places)} training images are neither labeled nor on an --unlabeled list, "
            "and are not used."
        )
    return rest.select(places)
