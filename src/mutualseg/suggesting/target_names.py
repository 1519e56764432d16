"""Where suggested images lie in the data folder once they are labeled: each beside what is there."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import chain
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.data.listing import walk_names
from mutualseg.data.regular_files import real_path
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample


class Targets:
    """Paths below images/; a data folder, which may be large, is gone over only once that is needed."""

    def __init__(self, source: DataFolder) -> None:
        self._source = source
        first = next(iter(source.train), None)
        self._prefix = "train/" if first is not None and first.name.startswith("train/") else ""

    def own(self, sample: Sample) -> Sample:
        """Return the data folder's sample of an image that `--unlabeled` names, or the sample as it is."""
        top, image = real_path(self._source.root), real_path(sample.image)
        if not sample.is_external or not image.is_relative_to(top):
            return sample
        place = self._places.get(os.path.relpath(image, top))
        return sample if place is None else SampleIndex.of(self._source.train)[place]

    def of(self, sample: Sample) -> str:
        """Return the path of an image below images/, with its suffix.

        One from outside gets a stem that neither an image nor a mask has.
        """
        suffix = sample.image.suffix
        if not sample.is_external:
            return sample.name + suffix
        stem = self._prefix + sample.name.removesuffix(suffix)
        candidate, number = stem, 2
        while candidate in self._taken:
            candidate, number = f"{stem}-{number}", number + 1
        self._taken.add(candidate)
        return candidate + suffix

    @cached_property
    def _places(self) -> dict[str, int]:
        """Return the places of the training images by their paths from the data folder on."""
        start = os.path.join(self._source.root.absolute(), "")  # noqa: PTH118  # texts, since there may be many
        files = enumerate(SampleIndex.of(self._source.train).files())
        return {str(Path(file).absolute()).removeprefix(start): place for place, file in files}

    @cached_property
    def _taken(self) -> set[str]:
        """Return the stems that are in use, of all parts."""
        source = self._source
        train = SampleIndex.of(source.train).names()
        names = chain(train, (sample.name for sample in (*source.val, *source.test, *source.unscored)))
        folders = (
            [source.root / kind for kind in ("images", "masks")] if source.class_source != "weights" else []
        )
        files = chain.from_iterable(walk_names(folder) for folder in folders if folder.is_dir())
        return {*names, *(os.path.splitext(file)[0] for file in files)}  # noqa: PTH122
