"""A sample is one image with or without its mask; a split is all samples of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mutualseg.data.class_shares import ClassRow
from mutualseg.data.file_names import suffix_of

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
"""Suffixes, in lower case, of the files that are read as images and masks."""


@dataclass(frozen=True)
class Sample:
    """One image, its mask where it has one, and the part of the data it belongs to."""

    image: Path
    mask: Path | None
    name: str
    """Unique and readable, e.g. "train/0001TP_006690": the path below images/ without its suffix.

    An image of an `--unlabeled` folder is called by that folder's name and its path, suffix included."""
    part: Part

    @property
    def is_external(self) -> bool:
        """Return whether the image comes from an `--unlabeled` folder: only such names keep their suffix."""
        return self.name.rsplit("/", 1)[-1] == self.image.name


@dataclass(frozen=True)
class Split:
    """The images of a run; each part is sorted by name, and no image is in two parts."""

    labeled: tuple[Sample, ...]
    unlabeled: Sequence[Sample]
    """There may be a million: `make_split` and `read_split` give a `SampleIndex`."""
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    split_seed: int
    val_from: Literal["part", "held out"]
    """Whether val is the folder's val/, or held out from its labeled training images."""
    group: str | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the user about what was left out, dropped or held out."""
    class_rows: tuple[ClassRow, ...] = field(default=(), compare=False)
    """What each class has in it, where that was counted; it is not part of split.json."""


def is_image_file(path: Path | str) -> bool:
    """Tell by the suffix whether a file is read as an image or mask."""
    return suffix_of(path if isinstance(path, str) else path.name).lower() in IMAGE_SUFFIXES
