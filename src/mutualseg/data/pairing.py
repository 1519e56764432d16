"""Image files and their masks to samples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress

from mutualseg.data.listing import Files
from mutualseg.data.sample_index import Head, SampleIndex
from mutualseg.data.samples import Part


def index_files(files: Files, prefix: str, part: Part, mask_of: Mapping[str, str]) -> SampleIndex:
    """Return the samples of image files, sorted by name; of files that share their stem, the first.

    Args:
        files: The images.
        prefix: What their names have before the stem, such as "train/".
        part: The part that they belong to.
        mask_of: Paths of masks by stem; an image that has none is unlabeled.
    """
    order = sorted(range(len(files.stems)), key=files.stems.__getitem__)
    stems = [files.stems[place] for place in order]
    if len(set(stems)) < len(stems):
        first = [place == 0 or stem != stems[place - 1] for place, stem in enumerate(stems)]
        order, stems = list(compress(order, first)), list(compress(stems, first))
    masks = {place: mask_of[stem] for place, stem in enumerate(stems) if stem in mask_of}
    if files.ending:  # the name does not follow from the path
        rows = (
            (f"{prefix}{stem}", f"{files.folder}/{files.paths[place]}", part)
            for stem, place in zip(stems, order, strict=True)
        )
        return SampleIndex.of_files(rows, masks)
    head = Head(f"{files.folder}/", prefix, "stem", part)
    return SampleIndex.below(head, (files.paths[place] for place in order), masks)
