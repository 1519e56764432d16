"""The val images of a run, opened again, and what its network says of each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from mutualseg.data.encoding import Encoding
from mutualseg.data.folder import DataFolder
from mutualseg.data.loading import load_image, load_mask
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.samples import Sample
from mutualseg.data.split_file import read_split, read_val
from mutualseg.errors import DataError, MutualSegError
from mutualseg.evaluation.inference import BATCH
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.metrics import ConfusionMatrix, Scores
from mutualseg.opened_data import measured_data
from mutualseg.predictor import Predictor
from mutualseg.resolving import leak_note
from mutualseg.run_report.record import RunRecord
from mutualseg.settings import Settings


@dataclass(frozen=True)
class ImageScore:
    """What one val image scored."""

    place: int
    """Among the val images."""
    name: str
    miou: float
    """Percent, the mean over the classes that its mask holds."""
    accuracy: float
    """Percent of its labeled pixels that are right."""
    classes: tuple[int, ...]
    """Those that its mask holds."""
    content: str = ""
    """A digest of image and mask as they were looked at: the same only for the same pixels."""


@dataclass(frozen=True)
class ValScores:
    """What a run's network scored on the val images, looked at once more."""

    counts: Tensor
    """[K,K] int64: row true, column predicted."""
    scores: Scores
    images: Sequence[ImageScore]
    """Those with a labeled pixel, in the order of the val images."""


@dataclass(frozen=True)
class ValImages:
    """The val images of a run and how they are read."""

    samples: Sequence[Sample]
    encoding: Encoding
    num_classes: int
    colors: Sequence[tuple[int, int, int]] | None
    leak: str | None
    """A warning if training images are among the val or test images."""

    def load(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return an image [C,H,W] and its mask [H,W]."""
        image = load_image(sample, self.encoding)
        return image, load_mask(sample, self.encoding, (image.shape[1], image.shape[2]), self.num_classes)


def open_val(record: RunRecord, data: str | None) -> ValImages:
    """Return a run's val images, from its own data folder or from where that is now.

    Args:
        record: of the run.
        data: the data folder, if it is elsewhere.

    Raises:
        MutualSegError: the data are not there, or are other data.
    """
    settings = Settings.from_dict(dict(record.config), str(record.folder.config))
    source = measured_data(settings, record.classes, data, quiet=True)
    samples = read_val(record.folder.split, source)
    if not samples:
        raise DataError(f"{record.folder.split} names no val image; restore it.")
    leak = _leak(record.folder.split, source)
    return ValImages(samples, source.encoding, source.num_classes, source.colors, leak)


def _leak(path: Path, source: DataFolder) -> str | None:
    """Return a warning of images that are trained on and scored, as far as all of them are there."""
    try:
        return leak_note(read_split(path, source, lost=()))
    except MutualSegError:
        return None


def score_val(predictor: Predictor, val: ValImages, advance: Callable[[int, int], None]) -> ValScores:
    """Look at every val image once, as the run's own evaluations do.

    Args:
        predictor: the network.
        val: the images.
        advance: called with (images done, images in all).

    Raises:
        DataError: an image or mask cannot be used.
    """
    options = InferenceOptions(predictor.window)
    total = ConfusionMatrix(val.num_classes)
    found: list[ImageScore] = []
    size, done = BATCH[predictor.device], 0
    loaded = look_ahead(val.load, val.samples, ahead=2 * size)
    while pairs := list(islice(loaded, size)):
        labels = predictor.segment([image for image, _ in pairs], options)
        for own, (image, mask) in zip(labels, pairs, strict=True):
            matrix = ConfusionMatrix(val.num_classes)
            matrix.update(own, mask)
            total.counts += matrix.counts
            present = matrix.counts.sum(1).nonzero().flatten().tolist()
            if present:
                scores = matrix.scores()
                name = val.samples[done].name
                found.append(
                    ImageScore(
                        done, name, scores.miou, scores.pixel_accuracy, tuple(present), _digest(image, mask)
                    )
                )
            done += 1
            advance(done, len(val.samples))
    return ValScores(total.counts, total.scores(), found)


def _digest(*parts: Tensor) -> str:
    held = hashlib.blake2b(digest_size=16)
    for part in parts:
        held.update(f"{part.dtype} {tuple(part.shape)};".encode())
        held.update(part.contiguous().numpy().tobytes())
    return held.hexdigest()


def predict_mask(predictor: Predictor, image: Tensor) -> Tensor:
    """Return class indices, uint8 [H,W], of an image [C,H,W] as `ValImages.load` has it."""
    with torch.no_grad():
        return predictor.segment([image], InferenceOptions(predictor.window))[0]
