"""The images that an exported file is tried on: those of the run where its data are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mutualseg.data.encoding import Encoding
from mutualseg.data.folder import DataFolder
from mutualseg.data.image_codes import ImageCode
from mutualseg.data.listing import walk_files
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.data.split_file import read_split, read_val
from mutualseg.errors import DataError, MutualSegError
from mutualseg.exporting.request import Request, refuse_data_folder
from mutualseg.opened_data import measured_data, read_data
from mutualseg.pixel_values import to_unit
from mutualseg.runs import RunFolder
from mutualseg.seeding import generator_at
from mutualseg.settings import Settings

COMPARED = 8
"""Images that the file is compared on with the network."""
CALIBRATED = 32
"""Images on which static int8 measures which numbers occur."""
_MADE = 3
_MADE_SIZES = ((120, 160), (97, 131), (64, 64))


@dataclass(frozen=True)
class RunImages:
    """Images of a run by what they may be used for."""

    val: Sequence[Sample] = ()
    training: Sequence[Path] = ()
    """Labeled and unlabeled ones; never val or test."""
    encoding: Encoding = field(default_factory=Encoding)
    classes: tuple[str, ...] = ()
    absence: str | None = None
    """Why there is none, in words."""


def images_of(request: Request, code: ImageCode) -> RunImages:
    """Return the images of a request's run; none where its data are gone, and no `data` says where they are.

    Raises:
        MutualSegError: `data` was given and is not a data folder of this run's kind.
    """
    folder = RunFolder(request.run)
    if not request.run.is_dir():
        return _foreign(request, code)
    try:
        settings = Settings.from_dict(folder.read_config(), str(folder.config))
        source = measured_data(settings, folder.read_classes(), request.data, quiet=request.quiet)
        val = read_val(folder.split, source)
    except MutualSegError as error:
        if request.data is not None:
            raise
        return RunImages(absence=str(error))
    refuse_data_folder(request.out, source.root)
    return RunImages(val, _training(folder.split, source), source.encoding, source.classes)


def _training(split: Path, source: DataFolder) -> list[Path]:
    """Return training images, unlabeled ones too where they are all still there."""
    try:
        found = read_split(split, source)
    except MutualSegError:
        return []
    return [sample.image for sample in (*found.labeled, *_some(found.unlabeled, 1000))]


def _some(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return at most so many, evenly spaced: there may be a million."""
    return [samples[place] for place in evenly(len(samples), most)]


def _foreign(request: Request, code: ImageCode) -> RunImages:
    """Return the val part of a data folder that was given beside bare weights."""
    if request.data is None:
        return RunImages(absence="a weights file names no data")
    source = read_data(request.data, images=code, quiet=request.quiet)
    refuse_data_folder(request.out, source.root)
    training = [sample.image for sample in source.train]
    return RunImages(source.val, training, source.encoding, source.classes)


def compared_images(request: Request, found: RunImages, code: ImageCode) -> tuple[list[Tensor], str]:
    """Return images [C,H,W] float32 in [0, 1] to compare on, and in words where they are from.

    Raises:
        DataError: named images cannot be read.
    """
    if request.images:
        files = image_files(request.images)
        chosen = [files[place] for place in evenly(len(files), COMPARED)]
        return [read(path, code) for path in chosen], "named images"
    if found.val:
        chosen = [found.val[place].image for place in evenly(len(found.val), COMPARED)]
        return [read(path, code) for path in chosen], "val images"
    return made_images(code.channels), "made images"


def calibration_images(request: Request, found: RunImages, code: ImageCode) -> list[Tensor]:
    """Return images for static int8: of training, or the named ones where there are none; never of val."""
    files = list(found.training) or (image_files(request.images) if request.images else [])
    return [read(files[place], code) for place in evenly(len(files), CALIBRATED)]


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Return files, and image files below folders.

    Raises:
        DataError: there is none.
    """
    files = [
        file
        for path in paths
        for file in (
            [path] if path.is_file() else [found for found in walk_files(path) if is_image_file(found)]
        )
    ]
    if not files:
        raise DataError(f"There is no image in {', '.join(map(str, paths))}; check the path.")
    return files


def read(path: Path, code: ImageCode) -> Tensor:
    """Return a file's image [C,H,W] float32 in [0, 1], as the network wants it."""
    return to_unit(torch.from_numpy(code.read(path).copy())).permute(2, 0, 1).contiguous()


def made_images(channels: int) -> list[Tensor]:
    """Return smooth patches of color under noise, [C,H,W] in [0, 1] each."""
    images = []
    for index in range(_MADE):
        generator = generator_at(0, "made for export", index)
        patches = torch.rand(1, channels, 5, 7, generator=generator)
        smooth = torch.nn.functional.interpolate(patches, _MADE_SIZES[index], mode="bicubic")[0]
        noise = torch.randn(smooth.shape, generator=generator) * 0.05
        images.append((smooth + noise).clamp(0, 1))
    return images


def evenly(count: int, most: int) -> list[int]:
    """Return at most `most` places of `count`, evenly spaced."""
    return [place * count // min(count, most) for place in range(min(count, most))]
