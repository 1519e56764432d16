"""`--unlabeled` folders: images from anywhere, without those that must not be trained on again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mutualseg.data.duplicates import identical_to
from mutualseg.data.file_facts import file_facts, first_of_each
from mutualseg.data.listing import walk_names
from mutualseg.data.sample_index import Head, SampleIndex
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.errors import DataError


def list_unlabeled(folders: Sequence[Path], taken: Iterable[str]) -> SampleIndex:
    """List the images below folders as unlabeled training samples, folder by folder, each sorted.

    Args:
        folders: Searched recursively. Of a data folder (images/ beside masks/) only images/ is.
        taken: Names in use. A sample's name is its folder's name and its path below it, suffix included.

    Raises:
        DataError: A folder is missing or holds no image.
    """
    samples = SampleIndex.empty()
    if not folders:
        return samples
    heads = {name.split("/", 1)[0] for name in taken}
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"--unlabeled {folder} is not a folder; check the path.")
        is_data_folder = (folder / "images").is_dir() and (folder / "masks").is_dir()
        # Absolute, so that a run resumed from another place finds them.
        top = (folder / "images" if is_data_folder else folder).absolute()
        name = _unused(folder.resolve().name or "unlabeled", heads)
        head = Head(os.path.join(top, ""), f"{name}/", "whole", "train")  # noqa: PTH118  # ends with one /
        found = SampleIndex.below(head, filter(is_image_file, walk_names(top)), {})
        if not found:
            raise DataError(f"--unlabeled {folder} holds no image; check the path.")
        heads.add(name)
        samples += found
    return samples


def drop_used(
    found: SampleIndex, scored: Sequence[Sample], labeled: Sequence[Sample], other: SampleIndex
) -> tuple[SampleIndex, list[str]]:
    """Return the found samples that are not used already, and a note on each kind that was dropped.

    Each file is looked at once for its size; only those of a used image's size are opened.

    Args:
        found: Samples of `--unlabeled` folders.
        scored: Images of val and test, with and without masks.
        labeled: Labeled training images.
        other: Unlabeled training images, of which only the very file is not taken twice.
    """
    notes: list[str] = []
    if not found:
        return found, notes
    facts = file_facts(found.files())
    for samples, kind in ((scored, "val or test"), (labeled, "labeled training")):
        used = [sample.image for sample in samples]
        suspects = np.flatnonzero(np.isin(facts.size, file_facts(map(str, used)).size))
        suspected = [found[place].image for place in suspects.tolist()]
        same = identical_to(suspected, used)
        if same:
            notes.append(f"{len(same)} --unlabeled files are identical to {kind} images and were dropped.")
            keep = np.ones(len(found), np.bool_)
            keep[suspects] = [path not in same for path in suspected]
            found, facts = found.select(np.flatnonzero(keep)), facts.taken(keep)
    once = first_of_each(facts, file_facts(other.files()))
    if not once.all():
        notes.append(f"{(~once).sum()} --unlabeled files were listed twice and are taken once.")
        found = found.select(np.flatnonzero(once))
    return found, notes


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}#{number}", number + 1
    return candidate
